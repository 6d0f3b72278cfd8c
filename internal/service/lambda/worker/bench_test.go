package worker

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// benchEvent is as large as a WebSocket event with a short message.
var benchEvent = []byte(`{"requestContext":{"routeKey":"echo","messageId":"L0SM9dnaPHcCIhw=","eventType":"MESSAGE","extendedRequestId":"L0SM9HUjPHcFqAw=","requestTime":"14/Nov/2023:22:13:21 +0000","messageDirection":"IN","stage":"prod","connectedAt":1700000000000,"requestTimeEpoch":1700000001234,"identity":{"sourceIp":"127.0.0.1","userAgent":"Mozilla/5.0 (X11; Linux x86_64)"},"requestId":"L0SM9HUjPHcFqAw=","domainName":"abcdef1234.execute-api.localhost","connectionId":"L0SM9cOFvHcCIhw=","apiId":"abcdef1234"},"isBase64Encoded":false,"body":"` + strings.Repeat(`hello \"world\" `, 30) + `"}`)

const trivial = `exports.handler = async () => ({statusCode: 200, body: "ok"})`

func TestNode_Warm_LA104(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	s, _ := js(t, trivial)
	invoke(t, p, s, `{}`)
	best := time.Hour // of ten: others use this machine too
	for range 10 {
		begun := time.Now()
		for range 100 {
			if _, err := p.Invoke(t.Context(), s, Invocation{Payload: benchEvent}); err != nil {
				t.Fatal(err)
			}
		}
		best = min(best, time.Since(begun))
	}
	if best > 200*time.Millisecond {
		t.Errorf("100 warm requests took %v", best)
	} else {
		t.Logf("100 warm requests took %v", best)
	}
}

func benchmark(b *testing.B, s *Spec) {
	p := startPool(b, Options{})
	s.Logs = &dropSink{}
	ctx := context.Background()
	if r, err := p.Invoke(ctx, s, Invocation{Payload: benchEvent}); err != nil || r.FunctionError != "" {
		b.Fatal(string(r.Payload), err)
	}
	b.ReportAllocs()
	took := make([]time.Duration, 0, b.N)
	for b.Loop() {
		begun := time.Now()
		if _, err := p.Invoke(ctx, s, Invocation{Payload: benchEvent}); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1e3, "p99-us")
}

type dropSink struct{}

func (*dropSink) Append(context.Context, string, string, time.Time, ...string) {}

func BenchmarkNode(b *testing.B) {
	need(b, "node")
	dir := code(b, "index.js", trivial)
	s, _ := spec(b, node, "index.handler", dir)
	benchmark(b, s)
}

func BenchmarkPython(b *testing.B) {
	need(b, "python3")
	s, _ := spec(b, "python3.11", "app.handler", code(b, "app.py", "def handler(e, c):\n    return {'statusCode': 200, 'body': 'ok'}"))
	benchmark(b, s)
}

func BenchmarkGo(b *testing.B) {
	need(b, "go")
	s, _ := spec(b, "provided.al2023", "x", buildGo(b, "v1.55.1", goTrivial))
	benchmark(b, s)
}

// BenchmarkReference measures the bare round trip of the measuring program whose folder SALLYPORT_WSBENCH names, in the
// same run: what a gateway and a worker without any of our work take.
func BenchmarkReference(b *testing.B) {
	dir := os.Getenv("SALLYPORT_WSBENCH")
	if dir == "" {
		b.Skip("SALLYPORT_WSBENCH is not set")
	}
	exe := filepath.Join(b.TempDir(), "lambda")
	build := exec.Command("go", "build", "-o", exe, "./lambda")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	for _, impl := range []string{"unix", "raw"} {
		b.Run(impl, func(b *testing.B) {
			mode := map[string]string{"unix": "unix", "raw": "http"}[impl]
			for b.Loop() {
				out, err := exec.Command(exe, "-impl", impl, "-worker", "node "+filepath.Join(dir, "lambda/worker.js")+" "+mode, "-workers", "1", "-dur", "2s", "-cpus", "0-1").Output()
				if err != nil {
					b.Fatal(err)
				}
				for _, f := range strings.Fields(string(out)) {
					var v float64
					if n, _ := fmt.Sscanf(f, "p50us=%f", &v); n == 1 {
						b.ReportMetric(v, "p50-us")
					}
					if n, _ := fmt.Sscanf(f, "p99us=%f", &v); n == 1 {
						b.ReportMetric(v, "p99-us")
					}
				}
			}
		})
	}
}
