package worker

import "testing"

func TestNode(t *testing.T) {
	need(t, "node")
	p := startPool(t, Options{})
	t.Run("LA-021 nothing is null", func(t *testing.T) {
		s, sink := spec(t, "nodejs20.x", "index.handler", code(t, "index.js", `exports.handler = async () => { console.log("hi\nthere") }`))
		succeeds(t, p, s, `{}`, `null`)
		succeeds(t, p, s, `{}`, `null`)
		for _, l := range sink.lines() {
			t.Logf("%q", l)
		}
	})
	t.Run("LA-023 throw", func(t *testing.T) {
		s, _ := spec(t, "nodejs20.x", "index.handler", code(t, "index.js", `exports.handler = async () => { throw new TypeError("x") }`))
		_, f := fails(t, p, s, `{}`, "TypeError", "x")
		if len(f.Trace) < 2 || f.Trace[0] != "TypeError: x" {
			t.Errorf("trace = %q", f.Trace)
		}
	})
}
