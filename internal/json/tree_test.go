package json_test

import (
	"math"
	"testing"

	"github.com/sallyport/sallyport/internal/json"
)

func TestAppendValue(t *testing.T) {
	const doc = `{"b":[1.50,-3e+2,null,true,"a\"\n/é"],"a":{},"c":[]}`
	v, err := json.ParseLenient([]byte(" { 'b' : [1.50, -3e+2, null, true, \"a\\\"\\n\\/é\"], a:{}, c: [ ] }"))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(json.AppendValue(nil, v)); got != doc {
		t.Errorf("AppendValue gives %s, want %s", got, doc)
	}
}

func TestAppendDouble(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0.0", 2: "2.0", -0.25: "-0.25", 9999999: "9999999.0", 1e7: "1.0E7", 1.5e10: "1.5E10", 0.001: "0.001", 1e-5: "1.0E-5", 1e300: "1.0E300",
		math.Inf(1): "Infinity", math.Inf(-1): "-Infinity",
	} {
		if got := string(json.AppendDouble(nil, f)); got != want {
			t.Errorf("AppendDouble(%v) = %s, want %s", f, got, want)
		}
	}
	if got := string(json.AppendDouble(nil, math.NaN())); got != "NaN" {
		t.Errorf("AppendDouble(NaN) = %s", got)
	}
}
