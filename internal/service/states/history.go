package states

import (
	"context"
	"encoding/base64"
	"slices"
	"strconv"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/states"
	"github.com/sallyport/sallyport/internal/service/states/asl"
	"github.com/sallyport/sallyport/internal/service/states/machine"
)

// historyOutput is GetExecutionHistory's, with events that write themselves: their details have the wire's form already.
type historyOutput struct {
	Events    []event `aws:"events"`
	NextToken *string `aws:"nextToken"`
}

type event machine.Event

// AppendJSON writes the event as the API shows it.
func (e event) AppendJSON(b []byte) []byte {
	b = append(b, `{"timestamp":`...)
	b = strconv.AppendInt(b, e.At/1000, 10)
	b = append(b, '.', byte('0'+e.At/100%10), byte('0'+e.At/10%10), byte('0'+e.At%10))
	b = append(b, `,"type":"`...)
	b = append(b, e.Type...)
	b = append(b, `","id":`...)
	b = strconv.AppendInt(b, e.ID, 10)
	b = append(b, `,"previousEventId":`...)
	b = strconv.AppendInt(b, e.Prev, 10)
	if len(e.Details) > 0 {
		b = append(b, ',', '"')
		b = append(b, machine.DetailsName(e.Type)...)
		b = append(b, '"', ':')
		b = append(b, e.Details...)
	}
	return append(b, '}')
}

// MarshalJSON implements json.Marshaler.
func (e event) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil), nil }

// UnmarshalJSON makes the type one that the wire takes for JSON of its own. Events are never read from clients.
func (e *event) UnmarshalJSON([]byte) error { return nil }

func (s *Service) getExecutionHistory(ctx context.Context, in *shapes.GetExecutionHistoryInput) (*historyOutput, error) {
	c, err := s.childExecution(ctx, *in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	var x *execution
	of := &machine.Child{}
	if c != nil {
		x, of = c.x, &c.Child
	} else if x, err = s.find(ctx, *in.ExecutionArn); err != nil {
		return nil, err
	} else {
		of.LastEvent = x.LastEvent
	}
	after, err := historyToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	most := int64(100)
	if n := deref(in.MaxResults); n > 0 {
		most = n
	}
	last := of.LastEvent
	from, to := after+1, min(after+most, last)
	if deref(in.ReverseOrder) {
		to = last - after
		from = max(1, to-most+1)
	}
	events, err := s.events(ctx, x, of, from, to)
	if err != nil {
		return nil, err
	}
	if deref(in.ReverseOrder) {
		slices.Reverse(events)
	}
	out := &historyOutput{Events: make([]event, len(events))}
	for i := range events {
		out.Events[i] = event(events[i])
		if in.IncludeExecutionData != nil && !*in.IncludeExecutionData {
			out.Events[i].Details = withoutData(events[i].Details)
		}
	}
	if after+most < last {
		out.NextToken = new(base64.StdEncoding.EncodeToString([]byte(strconv.FormatInt(after+most, 10))))
	}
	return out, nil
}

func historyToken(token *string) (int64, error) {
	if token == nil {
		return 0, nil
	}
	text, err := base64.StdEncoding.DecodeString(*token)
	if err == nil {
		var n int64
		if n, err = strconv.ParseInt(string(text), 10, 64); err == nil && n >= 0 {
			return n, nil
		}
	}
	return 0, errToken()
}

// clocks is by how many milliseconds the clocks of nodes may differ.
const clocks = 60_000

// events returns the events from one number to another: of one of the execution's children, or, if of has no ID, of the execution itself.
func (s *Service) events(ctx context.Context, x *execution, of *machine.Child, from, to int64) ([]machine.Event, error) {
	var events []machine.Event
	pick := func(some []machine.Event) {
		for _, e := range some {
			if e.Child == of.ID && e.ID >= from && e.ID <= to {
				events = append(events, e)
			}
		}
	}
	for _, c := range x.Chunks {
		if of.ID == 0 && (c.Last < from || c.First > to || c.First > c.Last) || c.At > 0 && c.At+clocks < of.Started {
			continue
		}
		if int64(len(events)) > to-from {
			return events, nil
		}
		some, err := s.readChunk(ctx, x.key, c)
		if err != nil {
			return nil, err
		}
		pick(some)
	}
	recent, err := decodeEvents(x.tail)
	if err != nil {
		return nil, err
	}
	pick(recent)
	pick(x.Events)
	return events, nil
}

// withoutData leaves inputs and outputs out of an event's details.
func withoutData(details []byte) []byte {
	v, err := asl.Decode(details)
	o, ok := v.(*asl.Object)
	if err != nil || !ok {
		return details
	}
	short := asl.NewObject()
	for _, name := range o.Names() {
		switch name {
		case "input", "output", "parameters", "assignedVariables", "cause":
		case "inputDetails", "outputDetails", "assignedVariablesDetails":
			short.Set(name, asl.NewObject("truncated", true))
		default:
			v, _ := o.Get(name)
			short.Set(name, v)
		}
	}
	return asl.Encode(short)
}
