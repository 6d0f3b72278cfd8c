package awsapi

import (
	"net/http"
	"reflect"

	"github.com/sallyport/sallyport/internal/awsapi/wire"
)

// A Live output goes on after its operation has returned: it is a stream of events that come as they happen.
type Live interface {
	// Live sends events, each a structure of which one member is set, until there are no more, the operation's context is done, or
	// send fails because the client is gone. What it returns nobody sees: the answer has begun.
	Live(send func(event any) error) error
}

// answerLive writes events as they come. AWS: in the protocols without a place for a head, an empty first message stands for it.
func (a *API) answerLive(w http.ResponseWriter, output Live) {
	w.Header().Set("Content-Type", "application/vnd.amazon.eventstream")
	w.WriteHeader(http.StatusOK)
	flush := http.NewResponseController(w).Flush
	if a.Protocol == JSON {
		if _, err := w.Write(wire.AppendInitialResponse(nil)); err != nil || flush() != nil {
			return
		}
	}
	plans := map[reflect.Type]*wire.Type{}
	_ = output.Live(func(event any) error {
		t := reflect.TypeOf(event).Elem()
		if plans[t] == nil {
			plans[t] = wire.New(t)
		}
		message, err := wire.AppendEvent(nil, plans[t], event)
		if err != nil {
			return err
		}
		if _, err := w.Write(message); err != nil {
			return err
		}
		return flush()
	})
}
