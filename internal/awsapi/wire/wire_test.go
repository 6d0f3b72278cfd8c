package wire

import (
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type thing struct {
	Name    *string            `aws:"name,required,min=3,max=5" pattern:"[a-z]+"`
	Kind    *string            `aws:"kind" enum:"A,B"`
	Count   *int64             `aws:"count,min=1,max=10"`
	Rate    *float64           `aws:"rate"`
	On      *bool              `aws:"on"`
	Blob    []byte             `aws:"blob"`
	At      *time.Time         `aws:"at"`
	Iso     *time.Time         `aws:"iso,time=iso8601"`
	Names   []string           `aws:"names,max=3" elem:"min=2,max=4" elempattern:"[a-z]+"`
	Modes   []string           `aws:"modes" elemenum:"x86_64,arm64"`
	Things  []*thing           `aws:"things"`
	Tags    map[string]string  `aws:"tags,max=2" key:"min=1,max=4" elem:"max=3"`
	ByName  map[string]*thing  `aws:"byName"`
	Weights map[string]float64 `aws:"weights" elem:"min=0,max=1"`
	Plain   string             `aws:"plain"`
	Raw     json.RawMessage    `aws:"raw"`
	Any     any                `aws:"any"`
}

var thingType = New(reflect.TypeFor[thing]())

const full = `{"name":"abc","kind":"A","count":7,"rate":0.5,"on":true,"blob":"aGk=","at":1.795143927614E9,"iso":"2026-11-20T03:05:27Z",` +
	`"names":["aa","bb"],"modes":["arm64"],"things":[{"name":"xyz","things":[]}],"tags":{"k":"v","l":"w"},"byName":{"n":{"name":"nnn"}},"weights":{"1":0.25},` +
	`"plain":"é\n\"","raw":{"a": [1,2]},"any":["x",1]}`

func TestJSONRoundTrip(t *testing.T) {
	var v thing
	if err := thingType.ReadJSON([]byte(" "+full+"\n"), &v, Coral); err != nil {
		t.Fatal(err)
	}
	out, err := thingType.AppendJSON(nil, &v)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(full, strings.ReplaceAll(string(out), `{"a":[1,2]}`, `{"a": [1,2]}`)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := thingType.Validate(&v); err != nil {
		t.Error(err)
	}
}

func TestWholeJSON(t *testing.T) {
	type answer struct {
		Sequence *string    `aws:"SequenceNumber"`
		ID       *string    `aws:"MessageId"`
		Made     *time.Time `aws:"CreatedAt"`
		Parts    []*answer
	}
	made := time.UnixMilli(1652716274000)
	got, err := New(reflect.TypeFor[answer]()).AppendWholeJSON(nil, &answer{ID: new("m1"), Made: &made, Parts: []*answer{{Sequence: new("7")}}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"CreatedAt":1.652716274E9,"MessageId":"m1","Parts":[{"CreatedAt":null,"MessageId":null,"Parts":null,"SequenceNumber":"7"}],"SequenceNumber":null}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadJSON(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"empty", ``, ``},
		{"unknown members", `{"zzz":{"a":[1,{"b":"\u00e9\\"}]},"count":3}`, ``},
		{"null", `{"name":null,"names":null}`, ``},
		{"no object", `[1]`, "Unexpected field type"},
		{"cut", `{"name":"a"`, "syntax"},
		{"trailing", `{} x`, "syntax"},
		{"control character", "{\"name\":\"a\nb\"}", "syntax"},
		{"bad escape", `{"name":"\x"}`, "syntax"},
		{"bad utf8", "{\"name\":\"\xff\"}", "syntax"},
		{"leading zero", `{"count":01}`, "syntax"},
		{"number for string", `{"name":1}`, "NUMBER_VALUE can not be converted to a String"},
		{"string for number", `{"count":"1"}`, "STRING_VALUE can not be converted to an Integer"},
		{"boolean for string", `{"name":true}`, "TRUE_VALUE can not be converted to a String"},
		{"object for string", `{"name":{}}`, "Start of structure or map found where not expected."},
		{"list for string", `{"name":[]}`, "Start of list found where not expected"},
		{"string for list", `{"names":"a"}`, "Unexpected field type"},
		{"too deep", `{"any":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}`, "syntax"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := thingType.ReadJSON([]byte(tt.in), new(thing), Coral)
			var s *SerializationError
			switch got := ""; {
			case err == nil && tt.want == "":
			case !errors.As(err, &s):
				t.Errorf("error %v, want %q", err, tt.want)
			default:
				if got = s.Message; got == "" {
					got = "syntax"
				}
				if got != tt.want {
					t.Errorf("error %q, want %q", got, tt.want)
				}
			}
		})
	}
}

func TestDialects(t *testing.T) {
	err := thingType.ReadJSON([]byte(`{"name":1}`), new(thing), DynamoDB)
	if err == nil || !strings.Contains(err.Error(), "NUMBER_VALUE cannot be converted to String") {
		t.Errorf("DynamoDB: %v", err)
	}
	var v thing
	if err := thingType.ReadJSON([]byte(`{"name":1,"count":"3","on":"true"}`), &v, Lenient); err != nil || *v.Name != "1" || *v.Count != 3 || !*v.On {
		t.Errorf("Lenient: %v", err)
	}
}

func TestValidate(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"null", `{}`, "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"},
		{"two", `{"name":"abcdef","count":0}`, "2 validation errors detected: " +
			"Value 'abcdef' at 'name' failed to satisfy constraint: Member must have length less than or equal to 5; " +
			"Value '0' at 'count' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"pattern", `{"name":"ab1"}`, "1 validation error detected: Value 'ab1' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z]+"},
		{"enum", `{"name":"abc","kind":"C"}`, "1 validation error detected: Value 'C' at 'kind' failed to satisfy constraint: Member must satisfy enum value set: [A, B]"},
		{"nested", `{"name":"abc","things":[{"name":"abc"},{}]}`, "1 validation error detected: Value null at 'things.2.member.name' failed to satisfy constraint: Member must not be null"},
		{"null element", `{"name":"abc","things":[null]}`, "1 validation error detected: Value null at 'things.1.member' failed to satisfy constraint: Member must not be null"},
		{"map of structures", `{"name":"abc","byName":{"k":{}}}`, "1 validation error detected: Value null at 'byName.k.member.name' failed to satisfy constraint: Member must not be null"},
		{"list too long", `{"name":"abc","names":["aa","bb","cc","dd"]}`, "1 validation error detected: Value '[aa, bb, cc, dd]' at 'names' failed to satisfy constraint: Member must have length less than or equal to 3"},
		{"element", `{"name":"abc","names":["aa","B"]}`, "1 validation error detected: Value '[aa, B]' at 'names' failed to satisfy constraint: Member must satisfy constraint: " +
			"[Member must have length less than or equal to 4, Member must have length greater than or equal to 2, Member must satisfy regular expression pattern: [a-z]+, Member must not be null]"},
		{"element enum", `{"name":"abc","modes":["X86_64"]}`, "1 validation error detected: Value '[X86_64]' at 'modes' failed to satisfy constraint: Member must satisfy constraint: " +
			"[Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"},
		{"map key", `{"name":"abc","tags":{"kkkkk":"v"}}`, "1 validation error detected: Value '{kkkkk=v}' at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: " +
			"[Member must have length less than or equal to 4, Member must have length greater than or equal to 1]"},
		{"map value", `{"name":"abc","weights":{"2":2}}`, "1 validation error detected: Value '{2=2.0}' at 'weights' failed to satisfy constraint: Map value must satisfy constraint: " +
			"[Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var v thing
			if err := thingType.ReadJSON([]byte(tt.in), &v, Coral); err != nil {
				t.Fatal(err)
			}
			err := thingType.Validate(&v)
			if err == nil || err.Error() != tt.want {
				t.Errorf("error\n got %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestReadForm(t *testing.T) {
	form, _ := url.ParseQuery("Action=X&name=abc&count=3&on=true&at=2026-11-20T03:04:47.877Z&names.member.2=bb&names.member.1=aa&names.member.10=cc&things.member.1.name=xyz" +
		"&tags.entry.1.key=k&tags.entry.1.value=v&modes=&unknown.member.1=x")
	var v thing
	if err := thingType.ReadForm(form, &v); err != nil {
		t.Fatal(err)
	}
	out, _ := thingType.AppendJSON(nil, &v)
	want := `{"name":"abc","count":3,"on":true,"at":1.795143887877E9,"names":["aa","bb","cc"],"modes":[],"things":[{"name":"xyz"}],"tags":{"k":"v"}}`
	if string(out) != want {
		t.Errorf("\n got %s\nwant %s", out, want)
	}
}

func TestAppendXML(t *testing.T) {
	at := time.Date(2026, 11, 20, 3, 4, 47, 877e6, time.UTC)
	v := thing{Name: new("<a&b>"), At: &at, Names: []string{"x", ""}, Modes: []string{}, Things: []*thing{{Count: new(int64(1))}}, Tags: map[string]string{"k": "v"}}
	want := "<name>&lt;a&amp;b&gt;</name><at>2026-11-20T03:04:47.877Z</at><names><member>x</member><member></member></names><modes></modes>" +
		"<things><member><count>1</count></member></things><tags><entry><key>k</key><value>v</value></entry></tags>"
	if got := string(thingType.AppendXML(nil, &v)); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

type restThing struct {
	ID      *string    `aws:"id,uri"`
	Keys    []string   `aws:"tagKeys,query"`
	Max     *int64     `aws:"maxResults,query"`
	Type    *string    `aws:"X-Amz-Invocation-Type,header"`
	Status  *int64     `aws:"Status,status"`
	Changed *time.Time `aws:"Last-Modified,header"`
	Name    *string    `aws:"name"`
}

func TestREST(t *testing.T) {
	typ := New(reflect.TypeFor[restThing]())
	var v restThing
	err := typ.ReadREST(&Request{
		Path: map[string]string{"id": "a/b"}, Query: url.Values{"tagKeys": {"x", "y"}, "maxResults": {"3"}},
		Header: map[string][]string{"X-Amz-Invocation-Type": {"Event"}}, Body: []byte(`{"name":"n","id":"not this"}`),
	}, &v, Coral)
	if err != nil {
		t.Fatal(err)
	}
	if *v.ID != "a/b" || len(v.Keys) != 2 || *v.Max != 3 || *v.Type != "Event" || *v.Name != "n" {
		t.Errorf("read %+v", v)
	}
	v.Status = new(int64(202))
	v.Changed = new(time.Date(2026, 11, 20, 3, 4, 5, 0, time.UTC))
	res, err := typ.AppendREST(&v)
	if err != nil {
		t.Fatal(err)
	}
	want := Response{Status: 202, Body: []byte(`{"name":"n"}`), Header: [][2]string{{"X-Amz-Invocation-Type", "Event"}, {"Last-Modified", "Fri, 20 Nov 2026 03:04:05 GMT"}}}
	if diff := cmp.Diff(want, res); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := typ.ReadREST(&Request{Query: url.Values{"maxResults": {"abc"}}}, new(restThing), Coral); err == nil {
		t.Error("maxResults=abc was read")
	}
}

func TestRoutes(t *testing.T) {
	var r Routes
	for op, tmpl := range map[string]string{
		"GetApi": "/v2/apis/{apiId}", "GetApis": "/v2/apis", "GetTags": "/v2/tags/{resource-arn}",
		"List": "/2018-10-31/layers", "ByArn": "/2018-10-31/layers?find=LayerVersion", "Get": "/2015-03-31/functions/{FunctionName}",
		"Settings": "/2015-03-31/functions/settings", "Slash": "/2015-03-31/event-source-mappings/",
	} {
		r.Add(op, "GET", tmpl)
	}
	for _, tt := range []struct{ path, query, op, param string }{
		{"/v2/apis/a1", "", "GetApi", "a1"},
		{"/v2/apis", "", "GetApis", ""},
		{"/v2/apis/", "", "GetApis", ""},
		{"/v2/apis/a/b", "", "", ""},
		{"/v2/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Fapis%2Fabc", "", "GetTags", "arn:aws:apigateway:us-east-1::/apis/abc"},
		{"/v2/tags/arn:aws:apigateway:us-east-1::/apis/abc", "", "GetTags", "arn:aws:apigateway:us-east-1::/apis/abc"},
		{"/2018-10-31/layers", "", "List", ""},
		{"/2018-10-31/layers", "find=LayerVersion&Arn=x", "ByArn", ""},
		{"/2015-03-31/functions/arn%3Aaws%3Alambda%3A%3Afunction%3Af", "", "Get", "arn:aws:lambda::function:f"},
		{"/2015-03-31/functions/settings", "", "Settings", ""},
		{"/2015-03-31/event-source-mappings", "", "Slash", ""},
		{"/v2/apis/%zz", "", "", ""},
	} {
		q, _ := url.ParseQuery(tt.query)
		op, params, ok := r.Find("GET", tt.path, q)
		param := ""
		for _, p := range params {
			param = p
		}
		if op != tt.op || ok != (tt.op != "") || param != tt.param {
			t.Errorf("%s?%s: %q %q, want %q %q", tt.path, tt.query, op, param, tt.op, tt.param)
		}
	}
}

type document struct {
	FunctionName *string `aws:"FunctionName,uri,required"`
	Payload      []byte  `aws:"Payload,payload"`
	Log          *string `aws:"X-Amz-Log-Result,header"`
}

func TestDocument(t *testing.T) {
	typ := New(reflect.TypeFor[document]())
	var v document
	if err := typ.ReadDocument([]byte(`{"functionName":"f","Payload":{"a":1},"Other":2}`), &v, Coral); err != nil {
		t.Fatal(err)
	}
	if *v.FunctionName != "f" || string(v.Payload) != `{"a":1}` {
		t.Errorf("read %+v", v)
	}
	v.Log = new("l")
	out, err := typ.AppendDocument(nil, &v)
	if want := `{"FunctionName":"f","Payload":{"a":1},"Log":"l"}`; err != nil || string(out) != want {
		t.Errorf("wrote %s, want %s (%v)", out, want, err)
	}
}

// FuzzReadJSON: what encoding/json refuses is refused, and what is read can be written and read again to the same.
func FuzzReadJSON(f *testing.F) {
	f.Add(full)
	f.Add(`{"tags":{"a":null},"count":1e2,"any":{"x":[{}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var v thing
		err := thingType.ReadJSON([]byte(text), &v, Coral)
		if err != nil {
			return
		}
		if strings.TrimSpace(text) != "" && !json.Valid([]byte(text)) {
			t.Fatalf("invalid JSON was read: %q", text)
		}
		_ = thingType.Validate(&v)
		once, err := thingType.AppendJSON(nil, &v)
		if err != nil {
			t.Fatal(err)
		}
		var again thing
		if err := thingType.ReadJSON(once, &again, Coral); err != nil {
			t.Fatalf("%s: %v", once, err)
		}
		twice, _ := thingType.AppendJSON(nil, &again)
		if string(once) != string(twice) {
			t.Errorf("\nonce  %s\ntwice %s", once, twice)
		}
	})
}

// FuzzReadForm: no form breaks the reader.
func FuzzReadForm(f *testing.F) {
	f.Add("name=a&things.member.1.things.member.2.name=b&tags.entry.1.key=k&tags.entry.1.value=v")
	f.Add("names.member.99999999999999999999=x&things=&things.member.-1=y")
	f.Fuzz(func(t *testing.T, text string) {
		form, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		var v thing
		if thingType.ReadForm(form, &v) == nil {
			_ = thingType.Validate(&v)
			thingType.AppendXML(nil, &v)
		}
	})
}

func BenchmarkReadJSON(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(full)))
	for b.Loop() {
		var v thing
		if err := thingType.ReadJSON([]byte(full), &v, Coral); err != nil {
			b.Fatal(err)
		}
	}
}
