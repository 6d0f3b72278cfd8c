package gateway

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway/loop"
)

func benchStage() (*stage, string) {
	st := compile(&apigateway.Snapshot{
		Account: "000000000000", Region: "us-east-1", Stage: apigateway.Stage{Name: "prod", Variables: map[string]string{"table": "conns"}},
		Deployment: apigateway.Deployment{
			API:    apigateway.API{ID: "q7d3k9x2ab", RouteSelectionExpression: "$request.body.action"},
			Routes: []apigateway.Route{{Key: "join"}, {Key: "$default"}},
		},
	}, &Config{})
	h := &loop.Handshake{Headers: []loop.Header{{Name: "User-Agent", Value: "bench/1"}}, Remote: netip.MustParseAddrPort("198.51.100.23:1234")}
	return st, string(appendHead(nil, st, loop.MakeID(time.Now(), 1, loop.KindConnection, 1), time.Now(), h, &guest{}))
}

func TestMessagePathDoesNotAllocate(t *testing.T) {
	st, head := benchStage()
	text := []byte(`{"action":"join","text":"` + strings.Repeat("x\\n", 100) + `"}`)
	m := moment{request: loop.MakeID(time.Now(), 2, loop.KindRequest, 1), at: time.Now()}
	message := loop.MakeID(time.Now(), 3, loop.KindMessage, 1)
	event := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() {
		r := st.route(text)
		event = m.appendMessage(event[:0], st, r, head, message, text)
		event = appendErrorFrame(event, forbidden, message, m.request)
	}); n != 0 {
		t.Errorf("route, event and error frame allocate %v times", n)
	}
}

func BenchmarkRouteAndEvent(b *testing.B) {
	for _, size := range []int{128, 512, 1024} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			st, head := benchStage()
			text := []byte(`{"action":"join","text":"` + strings.Repeat("x", size-28) + `"}`)
			m := moment{request: loop.MakeID(time.Now(), 2, loop.KindRequest, 1), at: time.Now()}
			event := make([]byte, 0, 4096)
			b.ReportAllocs()
			for b.Loop() {
				event = m.appendMessage(event[:0], st, st.route(text), head, m.request, text)
			}
		})
	}
}

// FuzzQuestion asserts that what another node sends is read without harm, and that what is written reads back.
func FuzzQuestion(f *testing.F) {
	f.Add(question{op: opPost, api: "q7d3k9x2ab", stage: "prod", data: []byte("x")}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := decodeQuestion(b)
		if err != nil {
			return
		}
		if got := q.encode(); string(got) != string(b) {
			t.Fatalf("%q reads back as %q", b, got)
		}
	})
}
