package main

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/wsapp/wsapptest"
)

func TestBroadcast(t *testing.T) {
	t.Parallel()
	test := wsapptest.New(t, newApp())
	alice, bob := test.Connect(), test.Connect()
	for _, data := range []string{`"hello world !"`, `{"text":"hi"}`, `17`} {
		alice.Send(`{"message":"sendmessage", "data":` + data + `}`)
		alice.Expect(data)
		bob.Expect(data)
	}
	bob.Close(1000, "bye")
	if n := len(test.Connections()); n != 1 {
		t.Errorf("%d connections are remembered, want 1", n)
	}
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	test := wsapptest.New(t, newApp())
	alice := test.Connect()
	for _, bad := range []string{`{"message":"sendmessage"}`, `{"message":"sendmessage", data: 1}`} {
		alice.Send(bad)
		r := test.Last("sendmessage").Response
		if r.StatusCode != 500 || !strings.HasPrefix(r.Body, "Failed to unmarshal request: ") {
			t.Errorf("%s is answered with %d %s", bad, r.StatusCode, r.Body)
		}
	}
	alice.ExpectNothing()
}

func TestStaleConnections(t *testing.T) {
	t.Parallel()
	test := wsapptest.New(t, newApp())
	alice, bob := test.Connect(), test.Connect()
	bob.Vanish()
	if n := len(test.Connections()); n != 2 {
		t.Errorf("%d connections are remembered, want 2: nobody has told that bob is gone", n)
	}
	alice.Send(`{"message":"sendmessage", "data":"anybody?"}`)
	alice.Expect(`"anybody?"`)
	if got := test.Connections(); len(got) != 1 || got[0] != alice.ID() {
		t.Errorf("remembered are %q, want alice alone", got)
	}
}
