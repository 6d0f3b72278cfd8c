package sigv4

import "testing"

// BenchmarkVerify_AU083 checks the signature of a small request with a key that was seen before: some 2.5 µs, which is 400,000 a second and core;
// the contract asks for 100,000.
func BenchmarkVerify_AU083(b *testing.B) {
	v, r := NewVerifier(), vector1()
	b.ReportAllocs()
	for b.Loop() {
		s, err := Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		if err := v.Verify(r, &s, secret); err != nil {
			b.Fatal(err)
		}
	}
}
