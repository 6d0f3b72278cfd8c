package states_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// A recorded is one case of the corpora.
type recorded struct {
	ID               string
	API              string
	Type             string
	Needs            []string
	StateMachineName string
	ExecutionName    string
	RoleArn          string
	Definition       json.RawMessage
	Input            json.RawMessage
	Params           json.RawMessage
	Mocks            struct{ Lambda map[string]behavior }
	Setup            []struct {
		Service, Op string
		Params      map[string]any
	}
	Expected     map[string]any
	HistoryOrder string
	History      []map[string]any
}

// A score counts cases that pass, by group: the first part of the id.
type score struct{ pass, all map[string]int }

func (s *score) count(id string, ok bool) {
	if s.pass == nil {
		s.pass, s.all = map[string]int{}, map[string]int{}
	}
	group, _, _ := strings.Cut(id, "/")
	s.all[group]++
	if ok {
		s.pass[group]++
	}
}

// report logs the score and holds it against what passed before: groups not named must pass whole.
func (s *score) report(t *testing.T, what string, missing map[string]int) {
	t.Helper()
	for _, group := range slices.Sorted(maps.Keys(s.all)) {
		t.Logf("%s %-22s %3d of %3d", what, group, s.pass[group], s.all[group])
		if s.pass[group] < s.all[group]-missing[group] {
			t.Errorf("%s: only %d of %d pass in %s, all but %d did", what, s.pass[group], s.all[group], group, missing[group])
		}
	}
}

var verbose = os.Getenv("STATES_CORPUS") // part of the ids whose differences are shown

func TestRecordedExecutions(t *testing.T) {
	var cases []*recorded
	corpus(t, "executions.dev.json", &cases)
	var outcomes, histories score
	for _, c := range cases {
		if verbose != "" && !strings.Contains(c.ID, verbose) {
			continue
		}
		var outcome, history string
		ok := t.Run(c.ID, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { outcome, history = execute(t, c) })
		})
		if !ok {
			outcome = "panicked"
		}
		outcomes.count(c.ID, outcome == "")
		if c.History != nil {
			histories.count(c.ID, history == "")
		}
		if verbose != "" && outcome+history != "" {
			t.Logf("%s\noutcome %s\nhistory %s", c.ID, outcome, history)
		}
	}
	if verbose == "" {
		outcomes.report(t, "outcome", map[string]int{})
		histories.report(t, "history", map[string]int{})
	}
}

// execute runs a case and tells how the outcome and the history differ from what was recorded.
func execute(t *testing.T, c *recorded) (outcome, history string) {
	time.Sleep(time.Until(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))) // recorded timestamps are past
	w := newWorld(t)
	defer w.stop()
	for name, b := range c.Mocks.Lambda {
		w.others.behave(name, b)
	}
	for _, s := range c.Setup {
		if body, ok := s.Params["Body"].(string); ok {
			s.Params["Body"] = b64(body)
		}
		if _, err := w.call(s.Service, s.Op, s.Params); err != nil {
			return fmt.Sprintf("setup %s: %v", s.Op, err), "not run"
		}
	}
	arn := "arn:aws:states:us-east-1:" + account + ":stateMachine:" + c.StateMachineName
	if _, err := w.call("states", "CreateStateMachine", m{"name": c.StateMachineName, "definition": string(c.Definition), "roleArn": c.RoleArn, "type": c.Type}); err != nil {
		return err.Error(), "not run"
	}
	in := m{"stateMachineArn": arn, "input": string(c.Input)}
	if c.ExecutionName != "" && !strings.Contains(c.ExecutionName, "«") {
		in["name"] = c.ExecutionName
	}
	out, err := w.call("states", c.API, in)
	if err != nil {
		return err.Error(), "not run"
	}
	if c.API == "StartExecution" && c.Type == "STANDARD" {
		out = w.wait(out["executionArn"].(string))
	}
	if c.API == "StartExecution" && c.Type == "EXPRESS" {
		return "", ""
	}
	for _, name := range []string{"status", "output", "error", "cause"} {
		got := out[name]
		if text, ok := got.(string); ok && name == "output" {
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				return "output is no JSON: " + text, ""
			}
		}
		if !matches(c.Expected[name], got) {
			outcome += fmt.Sprintf("%s is %v, want %v; ", name, show(out[name]), show(c.Expected[name]))
		}
	}
	if c.History != nil {
		history = compareHistory(c, w.history(out["executionArn"].(string)))
	}
	return outcome, history
}

func show(v any) string {
	text, _ := json.Marshal(v)
	if len(text) > 900 {
		text = append(text[:900], "…"...)
	}
	return string(text)
}

func compareHistory(c *recorded, got []map[string]any) string {
	for _, e := range got {
		delete(e, "timestamp")
	}
	if c.HistoryOrder == "exact" {
		for i := range max(len(got), len(c.History)) {
			if i >= len(got) || i >= len(c.History) {
				return fmt.Sprintf("%d events, want %d", len(got), len(c.History))
			}
			if !matches(any(c.History[i]), any(got[i])) {
				return fmt.Sprintf("event %d is\n%s, want\n%s", i+1, show(got[i]), show(c.History[i]))
			}
		}
		return ""
	}
	var rest []map[string]any
	for _, e := range got {
		// The recordings leave out that a Parallel state succeeded.
		if e["type"] != "ParallelStateSucceeded" {
			rest = append(rest, e)
		}
	}
	for _, want := range c.History {
		delete(want, "id")
		delete(want, "previousEventId")
		i := slices.IndexFunc(rest, func(e map[string]any) bool {
			e = maps.Clone(e)
			delete(e, "id")
			delete(e, "previousEventId")
			return matches(any(want), any(e))
		})
		if i < 0 {
			return "there is no event\n" + show(want) + "\namong\n" + show(rest)
		}
		rest = slices.Delete(rest, i, i+1)
	}
	for _, e := range rest {
		if t := e["type"]; t != "ParallelStateFailed" {
			return "there is also\n" + show(e)
		}
	}
	return ""
}

// matches holds a value against a recorded one: «name» stands for anything, and JSON may be text or not.
func matches(want, got any) bool {
	switch want := want.(type) {
	case string:
		if strings.HasPrefix(want, "«") && strings.HasSuffix(want, "»") && strings.Count(want, "«") == 1 {
			return true
		}
		text, ok := got.(string)
		if !ok {
			var v any
			return json.Unmarshal([]byte(want), &v) == nil && matches(v, got)
		}
		if text == want {
			return true
		}
		var a, b any
		if json.Unmarshal([]byte(want), &a) == nil && json.Unmarshal([]byte(text), &b) == nil {
			if _, isText := a.(string); !isText {
				return matches(a, b)
			}
		}
		return pattern(want).MatchString(text)
	case map[string]any:
		if text, ok := got.(string); ok {
			var v any
			return json.Unmarshal([]byte(text), &v) == nil && matches(want, v)
		}
		o, ok := got.(map[string]any)
		if !ok {
			return false
		}
		for name := range o {
			_, there := want[name]
			// Some recordings are older than these, or leave them out.
			if !there && name != "SdkHttpMetadata" && name != "SdkResponseMetadata" && name != "RedriveCount" {
				return false
			}
		}
		for name, v := range want {
			part, there := o[name]
			if !there && v != "«any»" || there && !matches(v, part) {
				return false
			}
		}
		return true
	case []any:
		if text, ok := got.(string); ok {
			var v any
			return json.Unmarshal([]byte(text), &v) == nil && matches(want, v)
		}
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return false
		}
		for i := range want {
			if !matches(want[i], list[i]) {
				return false
			}
		}
		return true
	case nil:
		return got == nil || got == "null"
	}
	if text, ok := got.(string); ok {
		var v any
		return json.Unmarshal([]byte(text), &v) == nil && v == want
	}
	return want == got
}

var placeholder = regexp.MustCompile(`«[^»]*»`)

// pattern makes an expression of a recorded text. AWS adds the number of attempts since 2025.
func pattern(text string) *regexp.Regexp {
	parts := placeholder.Split(strings.TrimSuffix(text, " (SDK Attempt Count: 1)"), -1)
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`(?s)^` + strings.Join(parts, ".*") + `( \(SDK Attempt Count: 1\))?$`)
}

func TestRecordedErrors(t *testing.T) {
	var cases []*recorded
	corpus(t, "api-errors.dev.json", &cases)
	var total score
	for _, c := range cases {
		if verbose != "" && !strings.Contains(c.ID, verbose) {
			continue
		}
		var wrong string
		t.Run(c.ID, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.stop()
				for _, s := range c.Setup {
					if _, err := w.call(s.Service, s.Op, s.Params); err != nil {
						wrong = fmt.Sprintf("setup %s: %v", s.Op, err)
						return
					}
				}
				out, err := w.call("states", c.API, c.Params)
				want := c.Expected["error"].(map[string]any)
				if text, _ := want["message"].(string); strings.HasPrefix(text, "Error=ValueError") {
					want["message"] = "«any»" // these are not AWS's words, but another emulator's
				}
				if awsapi.Code(err) != want["code"] || !strings.Contains(err.Error(), ": ") || !matches(want["message"], strings.SplitN(err.Error(), ": ", 2)[1]) {
					wrong = fmt.Sprintf("gave %v %v, want %v", out, err, want)
				}
			})
		})
		total.count(c.ID, wrong == "")
		if verbose != "" && wrong != "" {
			t.Logf("%s %s: %s", c.ID, c.API, wrong)
		}
	}
	if verbose == "" {
		// Mocked results of KMS and S3 are not held against a model, and functions may have more memory now.
		total.report(t, "error", map[string]int{"test_state": 7})
	}
}

func TestRecordedAnswers(t *testing.T) {
	for _, file := range []string{"validate.dev.json", "test-state.dev.json"} {
		var cases []*recorded
		corpus(t, file, &cases)
		var total score
		for _, c := range cases {
			if verbose != "" && !strings.Contains(c.ID, verbose) {
				continue
			}
			var wrong string
			t.Run(c.ID, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					defer w.stop()
					for name, b := range c.Mocks.Lambda {
						w.others.behave(name, b)
					}
					for _, s := range c.Setup {
						if _, err := w.call(s.Service, s.Op, s.Params); err != nil {
							wrong = fmt.Sprintf("setup %s: %v", s.Op, err)
							return
						}
					}
					out, err := w.call("states", c.API, c.Params)
					if err != nil {
						wrong = err.Error()
					} else if !matches(any(c.Expected), any(out)) {
						wrong = show(out) + "\nwant\n" + show(c.Expected)
					}
				})
			})
			total.count(c.ID, wrong == "")
			if verbose != "" && wrong != "" {
				t.Logf("%s: %s", c.ID, wrong)
			}
		}
		if verbose == "" {
			total.report(t, file, map[string]int{})
		}
	}
}
