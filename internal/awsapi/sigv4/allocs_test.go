//go:build !race

package sigv4

import "testing"

func TestVerifyDoesNotAllocate(t *testing.T) {
	v, r := NewVerifier(), vector1()
	allocs := testing.AllocsPerRun(100, func() {
		s, err := Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.CheckScope("execute-api"); err != nil {
			t.Fatal(err)
		}
		if err := v.Verify(r, &s, secret); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 0.5 { // the pool may be emptied now and then
		t.Errorf("%v allocations for a request with a known key", allocs)
	}
}
