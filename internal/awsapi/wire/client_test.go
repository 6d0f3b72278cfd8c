package wire_test

import (
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/awsapi/wire"
)

type inner struct {
	Key   *string `aws:"Key"`
	Value *string `aws:"Value"`
}

type formed struct {
	Name  *string                 `aws:"Name"`
	Count *int64                  `aws:"Count"`
	At    *time.Time              `aws:"At"`
	Blob  []byte                  `aws:"Blob"`
	Tags  []*inner                `aws:"Tags"`
	Flat  []string                `aws:"Flat,flat"`
	Attrs map[string]string       `aws:"Attrs"`
	Deep  map[string]*inner       `aws:"Deep,flat,key=Name,value=Value"`
	One   *inner                  `aws:"One"`
	Lists []*struct{ N []string } `aws:"Lists,member=item"`
}

type rested struct {
	ID    *string           `aws:"Id,uri"`
	Query []string          `aws:"q,query"`
	Flag  *bool             `aws:"flag,query"`
	Kind  *string           `aws:"X-Kind,header"`
	Meta  map[string]string `aws:"X-Meta-,headers"`
	Body  *string           `aws:"body"`
}

func some() *formed {
	return &formed{
		Name: new("a b&c"), Count: new(int64(-3)), At: new(time.UnixMilli(1_700_000_000_123).UTC()), Blob: []byte{0, 1, 255},
		Tags: []*inner{{new("k"), new("v")}, {new("k2"), new("")}}, Flat: []string{"x", "y", "z"}, Attrs: map[string]string{"one": "1", "two": "<2>"},
		Deep: map[string]*inner{"d": {Key: new("e")}}, One: &inner{Value: new("only")}, Lists: []*struct{ N []string }{{N: []string{"1", "2"}}, {N: []string{"3"}}},
	}
}

func TestClient(t *testing.T) {
	typ := wire.New(reflect.TypeFor[formed]())
	t.Run("a form is read as it was written", func(t *testing.T) {
		form := url.Values{}
		typ.AppendForm(form, some())
		var got formed
		if err := typ.ReadForm(form, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(some(), &got); diff != "" {
			t.Errorf("%s\n%v", diff, form)
		}
	})
	t.Run("XML is read as it was written", func(t *testing.T) {
		body := append(typ.AppendXML([]byte("<?xml version=\"1.0\"?>\n<R xmlns=\"http://x/\">\n <Result>"), some()), "</Result><Meta><Id>1</Id></Meta></R>\n"...)
		var got formed
		if err := typ.ReadXML(body, "Result", &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(some(), &got); diff != "" {
			t.Errorf("%s\n%s", diff, body)
		}
	})
	t.Run("a request is read as it was written", func(t *testing.T) {
		typ := wire.New(reflect.TypeFor[rested]())
		want := &rested{ID: new("a/b"), Query: []string{"1", "2"}, Flag: new(true), Kind: new("k"), Meta: map[string]string{"x": "y"}, Body: new("text")}
		r, err := typ.AppendRequest(want)
		if err != nil {
			t.Fatal(err)
		}
		var got rested
		if err := typ.ReadREST(&r, &got, wire.Coral); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, &got); diff != "" {
			t.Error(diff)
		}
	})
	if got := wire.XMLText([]byte(`<E><Error><Code>No</Code></Error></E>`), "Code"); got != "No" {
		t.Errorf("the code is %q", got)
	}
}

// FuzzReadXML: what was read of any document is read again of what is written of it.
func FuzzReadXML(f *testing.F) {
	typ := wire.New(reflect.TypeFor[formed]())
	f.Add([]byte("<R><Name>x</Name><Tags><member><Key>k</Key></member></Tags><Flat>1</Flat><Flat>2</Flat></R>"))
	f.Add([]byte("<R><Attrs><entry><key>a</key><value>b</value></entry></Attrs><At>2024-01-01T00:00:00Z</At></R>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		var one, two formed
		if typ.ReadXML(body, "", &one) != nil {
			return
		}
		again := append(typ.AppendXML([]byte("<R>"), &one), "</R>"...)
		if err := typ.ReadXML(again, "", &two); err != nil {
			t.Fatalf("%v\n%s", err, again)
		}
		if third := append(typ.AppendXML([]byte("<R>"), &two), "</R>"...); string(third) != string(again) {
			t.Errorf("%s\nand then\n%s", again, third)
		}
	})
}
