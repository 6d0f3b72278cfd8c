package integration

import (
	"context"
	"fmt"
	"strconv"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/json"
)

// mock completes a MOCK integration: the request template says which status the backend that is none answers.
func (b Backends) mock(i *Integration, m *apigateway.Integration) {
	i.Target = "mock"
	request, answers := b.requestTemplates(m), b.responses(m.Responses)
	i.Inline = !loop(request.templates) && !answers.loop()
	i.Values = request.values() || answers.values()
	i.Problems = append(problems(request.templates), answers.problems()...)
	for key, t := range request.templates {
		if text, ok := t.(literal); ok {
			status, err := mockStatus(text)
			request.templates[key] = mockLiteral{text, status, strconv.Itoa(status), err}
		}
	}
	i.call = func(_ context.Context, r *Request) (Response, error) {
		t, f := request.choose(r)
		if f != nil {
			return Response{}, f
		}
		input := r.Body
		if l, ok := t.(mockLiteral); ok {
			if l.err != nil {
				return Response{}, notMock(l.err)
			}
			return answers.answer(reply{status: l.status}, l.text, r)
		}
		if t != nil {
			var err error
			if input, err = t.Render(nil, r.Body, r); err != nil {
				return Response{}, broken(fmt.Errorf("render request template: %w", err), "")
			}
		}
		status, err := mockStatus(input)
		if err != nil {
			return Response{}, notMock(err)
		}
		return answers.answer(reply{status: status}, strconv.Itoa(status), r)
	}
}

// mockLiteral is a request template that renders the same status always.
type mockLiteral struct {
	literal
	status int
	text   string // of status
	err    error  // why there is no status
}

func notMock(err error) *Failure {
	return broken(err, `a mock's request template renders {"statusCode": 200} or the like`)
}

// mockStatus reads the status out of what a mock's request template rendered.
func mockStatus(input []byte) (int, error) {
	v, err := json.ParseLenient(input)
	if err != nil {
		return 0, fmt.Errorf("read the mock's input: %w", err)
	}
	o, ok := v.(*json.Object)
	if !ok {
		return 0, fmt.Errorf("the mock's input is no object: %s", brief(input))
	}
	value, _ := o.Get("statusCode")
	n, ok := value.(json.Number)
	if !ok {
		return 0, fmt.Errorf("the mock's input has no integer statusCode: %s", brief(input))
	}
	status, err := strconv.Atoi(string(n))
	if err != nil {
		return 0, fmt.Errorf("the mock's statusCode is no integer: %s", n)
	}
	return status, nil
}
