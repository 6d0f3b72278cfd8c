package states_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTestState_SF085(t *testing.T) {
	mapState := func(fields, config string) string {
		return `{"Type":"Map",` + fields + `"ItemProcessor":{"ProcessorConfig":{` + config + `},"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}},"End":true}`
	}
	const inline, distributed = `"Mode":"INLINE"`, `"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"`
	for _, tt := range []struct {
		name string
		in   m
		want m // of inspectionData
	}{
		{
			"items",
			m{"definition": mapState(`"ItemsPath":"$.items","ItemSelector":{"v.$":"$$.Map.Item.Value","i.$":"$$.Map.Item.Index"},`, inline), "input": `{"items":[7,8]}`, "mock": m{"result": "[1,2]"}},
			m{"afterItemsPath": "[7,8]", "afterItemSelector": `[{"v":7,"i":0},{"v":8,"i":1}]`},
		},
		{
			"batches",
			m{"definition": mapState(`"ItemSelector":{"v.$":"$$.Map.Item.Value"},"ItemBatcher":{"MaxItemsPerBatch":2},`, distributed), "input": `[1,2,3]`, "mock": m{"result": "[1,2]"}},
			m{"afterItemBatcher": `[{"Items":[{"v":1},{"v":2}]},{"Items":[{"v":3}]}]`},
		},
		{
			"what a reader would read",
			m{
				"definition": mapState(`"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSON","ItemsPointer":"/a"},"Parameters":{"Bucket":"b","Key":"k"}},"ItemSelector":{"k.$":"$$.Map.Item.Key"},`, distributed),
				"input":      `{}`, "mock": m{"result": "[1]"}, "stateConfiguration": m{"mapItemReaderData": `{"a":{"x":1}}`},
			},
			m{"afterItemsPointer": `[{"Key":"x","Value":1}]`, "afterItemSelector": `[{"k":"x"}]`},
		},
	} {
		inWorld(t, tt.name, func(w *world) {
			tt.in["inspectionLevel"] = "DEBUG"
			out := w.must("TestState", tt.in)
			seen, _ := out["inspectionData"].(m)
			for name, want := range tt.want {
				if seen[name] != want {
					w.t.Errorf("%s is %v, want %v: %v", name, seen[name], want, out)
				}
			}
		})
	}
	inWorld(t, "a state within a Map state", func(w *world) {
		whole := `{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","Parameters":{"i.$":"$$.Map.Item.Index","v.$":"$$.Map.Item.Value"},"End":true}}}}}}`
		out := w.must("TestState", m{"definition": whole, "stateName": "P", "input": `{"a":1}`})
		if out["output"] != `{"i":0,"v":{"a":1}}` {
			w.t.Error(out)
		}
	})
	inWorld(t, "what needs a mock", func(w *world) {
		for _, resource := range []string{"arn:aws:states:us-east-1:111111111111:activity:a", "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "arn:aws:states:::states:startExecution.sync:2"} {
			in := m{"definition": `{"Type":"Task","Resource":"` + resource + `","Parameters":{},"End":true}`}
			if got := w.refused("TestState", in); !strings.HasPrefix(got, "ValidationException") {
				w.t.Errorf("%s: %s", resource, got)
			}
			in["mock"] = m{"result": `{"a":1}`}
			if out := w.must("TestState", in); out["status"] != "SUCCEEDED" || out["output"] != `{"a":1}` {
				w.t.Errorf("%s: %v", resource, out)
			}
		}
	})
	inWorld(t, "AWS's examples", func(w *world) {
		out := w.must("TestState", m{
			"definition": `{"Type":"Pass","InputPath":"$.payload","Parameters":{"data":1},"ResultPath":"$.result","OutputPath":"$.result.data","Next":"Another State"}`,
			"input":      `{"payload":{"foo":"bar"}}`, "inspectionLevel": "DEBUG",
		})
		want := m{"output": "1", "nextState": "Another State", "status": "SUCCEEDED", "inspectionData": m{
			"input": `{"payload":{"foo":"bar"}}`, "afterInputPath": `{"foo":"bar"}`, "afterParameters": `{"data":1}`, "afterResultSelector": `{"data":1}`,
			"afterResultPath": `{"payload":{"foo":"bar"},"result":{"data":1}}`,
		}}
		if diff := cmp.Diff(want, out); diff != "" {
			w.t.Error(diff)
		}
		out = w.must("TestState", m{
			"definition": `{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f"},"Retry":[{"ErrorEquals":["Lambda.ServiceException"],"IntervalSeconds":2,"MaxAttempts":3,"BackoffRate":2.0}],"End":true}`,
			"input":      `{"data":"value"}`, "stateConfiguration": m{"retrierRetryCount": 1}, "inspectionLevel": "DEBUG",
			"mock": m{"errorOutput": m{"error": "Lambda.ServiceException", "cause": "Service error"}},
		})
		if details, _ := json.Marshal(out["inspectionData"].(m)["errorDetails"]); out["status"] != "RETRIABLE" || string(details) != `{"retryBackoffIntervalSeconds":4,"retryIndex":0}` {
			w.t.Error(out)
		}
	})
}
