package wire

import (
	"encoding/hex"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type cborThing struct {
	Text   *string           `aws:"Text"`
	Number *int64            `aws:"Number"`
	Float  *float64          `aws:"Float"`
	Flag   *bool             `aws:"Flag"`
	Blob   []byte            `aws:"Blob"`
	Time   *time.Time        `aws:"Time"`
	List   []*cborThing      `aws:"List"`
	Map    map[string]string `aws:"Map"`
}

// TestCBOR holds the two ways against JSON: what is written as CBOR and read again is what JSON says.
func TestCBOR(t *testing.T) {
	typ := New(reflect.TypeFor[cborThing]())
	at := time.UnixMilli(1_700_000_000_250).UTC()
	in := &cborThing{
		Text: new("ü \"x\""), Number: new(int64(-70000)), Float: new(2.5), Flag: new(true), Blob: []byte{0, 255}, Time: &at,
		List: []*cborThing{{Number: new(int64(5_000_000_000))}, {}}, Map: map[string]string{"b": "2", "a": "1"},
	}
	data, err := typ.AppendCBOR(nil, in)
	if err != nil {
		t.Fatal(err)
	}
	text, err := CBORToJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	out := new(cborThing)
	if err := typ.ReadJSON(text, out, Coral); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if diff := cmp.Diff(in, out); diff != "" {
		t.Error(diff)
	}
}

// TestCBORToJSON reads the examples of RFC 8949, appendix A.
func TestCBORToJSON(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"00", "0"},
		{"1818", "24"},
		{"1903e8", "1000"},
		{"1b000000e8d4a51000", "1000000000000"},
		{"20", "-1"},
		{"3903e7", "-1000"},
		{"f93c00", "1"},
		{"f93e00", "1.5"},
		{"f97bff", "65504"},
		{"f90001", "5.960464477539063e-08"},
		{"f9c400", "-4"},
		{"fa47c35000", "100000"},
		{"fb3ff199999999999a", "1.1"},
		{"f97e00", "null"},
		{"f4", "false"},
		{"f5", "true"},
		{"f6", "null"},
		{"c11a514b67b0", "1363896240"},
		{"c1fb41d452d9ec200000", "1363896240.5"},
		{"4401020304", `"AQIDBA=="`},
		{"6161", `"a"`},
		{"80", "[]"},
		{"83010203", "[1,2,3]"},
		{"a201020304", ""},
		{"a26161016162820203", `{"a":1,"b":[2,3]}`},
		{"7f657374726561646d696e67ff", `"streaming"`},
		{"9f018202039f0405ffff", "[1,[2,3],[4,5]]"},
		{"bf61610161629f0203ffff", `{"a":1,"b":[2,3]}`},
		{"5f42010243030405ff", `"AQIDBAU="`},
		{"", "{}"},
		{"1c", ""},
		{"62", ""},
		{"ff", ""},
		{"0000", ""},
		{"61ff", ""},
		{"62c3bc", `"ü"`},
	} {
		data, err := hex.DecodeString(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := CBORToJSON(data)
		if string(got) != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("CBORToJSON(%s) = %s, %v; want %s", tt.in, got, err, tt.want)
		}
	}
}

func FuzzCBORToJSON(f *testing.F) {
	for _, s := range []string{"a26161016162820203", "bf61610161629f0203ffff", "c1fb41d452d9ec200000", "5f42010243030405ff"} {
		data, _ := hex.DecodeString(s)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		text, err := CBORToJSON(data)
		if err != nil {
			return
		}
		if !json.Valid(text) {
			t.Fatalf("%x became %q, which is no JSON", data, text)
		}
		again, err := CBOROf(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := CBORToJSON(again); err != nil {
			t.Fatalf("%q was written as CBOR that cannot be read: %v", text, err)
		}
	})
}
