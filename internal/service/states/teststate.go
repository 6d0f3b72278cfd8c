package states

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/service/states/asl"
	"github.com/sallyport/sallyport/internal/service/states/machine"
)

// testStateInput is TestState's, which is newer than the model that the shapes are made from.
type testStateInput struct {
	Definition         *string         `aws:"definition,required,min=1,max=1048576"`
	RoleArn            *string         `aws:"roleArn,min=1,max=256"`
	Input              *string         `aws:"input"`
	InspectionLevel    *string         `aws:"inspectionLevel" enum:"INFO,DEBUG,TRACE"`
	RevealSecrets      *bool           `aws:"revealSecrets"`
	StateName          *string         `aws:"stateName"`
	Variables          *string         `aws:"variables"`
	Context            *string         `aws:"context"`
	Mock               *mock           `aws:"mock"`
	StateConfiguration *stateTestSetup `aws:"stateConfiguration"`
}

type mock struct {
	Result              *string      `aws:"result"`
	ErrorOutput         *errorOutput `aws:"errorOutput"`
	FieldValidationMode *string      `aws:"fieldValidationMode" enum:"STRICT,PRESENT,NONE"`
}

type errorOutput struct {
	Error *string `aws:"error"`
	Cause *string `aws:"cause"`
}

type stateTestSetup struct {
	RetrierRetryCount        *int64  `aws:"retrierRetryCount"`
	ErrorCausedByState       *string `aws:"errorCausedByState"`
	MapIterationFailureCount *int64  `aws:"mapIterationFailureCount"`
	MapItemReaderData        *string `aws:"mapItemReaderData"`
}

type testStateOutput struct {
	Output         *string `aws:"output"`
	Error          *string `aws:"error"`
	Cause          *string `aws:"cause"`
	InspectionData any     `aws:"inspectionData"`
	NextState      *string `aws:"nextState"`
	Status         *string `aws:"status"`
}

// testName is what a state is called that is tested without its machine.
const testName = "StateName"

// A stateTest is one call of TestState.
type stateTest struct {
	s     *Service
	in    *testStateInput
	def   *asl.Definition
	state *asl.State
	name  string
	input json.RawMessage
	seen  *asl.Object

	within bool // a Map state
}

func (s *Service) testState(ctx context.Context, in *testStateInput) (*testStateOutput, error) {
	t := &stateTest{s: s, in: in, seen: asl.NewObject()}
	if err := t.parse(); err != nil {
		return nil, err
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	var err error
	if t.input, err = checkInput(in.Input); err != nil {
		return nil, err
	}
	turn, x, err := t.turn(ctx)
	if err != nil {
		return nil, err
	}
	if deref(in.RevealSecrets) {
		if err := s.allowed(ctx, "states:RevealSecrets", "*"); err != nil {
			return nil, err
		}
	}
	if err := t.run(ctx, turn, x); err != nil {
		return nil, err
	}
	return t.output(turn.Probe), nil
}

// parse reads the definition of the state, alone or within its machine.
func (t *stateTest) parse() error {
	options := asl.Options{Extensions: t.s.cfg.Extensions}
	v, err := asl.Decode([]byte(*t.in.Definition))
	root, _ := v.(*asl.Object)
	if _, whole := root.Get("States"); err == nil && whole {
		def, diagnostics := asl.Parse([]byte(*t.in.Definition), options)
		if def == nil {
			return errDefinition(diagnostics)
		}
		t.def, t.name = def, deref(t.in.StateName)
		if t.name == "" {
			t.name = def.StartAt
		}
		m := def.Machine.Find(t.name)
		if m == nil {
			return errValidation("State not found in definition")
		}
		t.within = m != def.Machine && def.Machine.IteratesOver(m)
		t.def = &asl.Definition{Machine: m}
		t.state = m.States[t.name]
		return nil
	}
	if t.in.StateName != nil {
		return errValidation("State not found in definition")
	}
	state, diagnostics := asl.ParseState(testName, []byte(*t.in.Definition), options)
	if state == nil {
		return errDefinition(diagnostics)
	}
	t.name, t.state = testName, state
	t.def = &asl.Definition{Machine: &asl.Machine{StartAt: testName, States: map[string]*asl.State{testName: state}}}
	return nil
}

// check refuses mocks that do not fit the state.
func (t *stateTest) check() error {
	m, kind := t.in.Mock, t.state.Type
	group := kind == "Map" || kind == "Parallel"
	if m == nil {
		if group {
			return failure("InvalidDefinition", "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]")
		}
		if r, ok := asl.ParseResource(t.state.Resource); ok && (r.Suffix != "" || r.Kind == asl.ResourceActivity) {
			return errValidation("TestState API supports activities and the '.sync' and '.waitForTaskToken' service integration patterns only when a mock is specified")
		}
		return nil
	}
	switch {
	case m.Result != nil && m.ErrorOutput != nil:
		return errValidation("A test mock should have only one of the following fields: [result, errorOutput].")
	case kind != "Task" && !group && kind != "Pass" && kind != "Choice" && kind != "Wait":
		return errValidation("State type '%s' is not supported when a mock is specified", kind)
	case m.Result == nil:
		return nil
	}
	v, err := asl.Decode([]byte(*m.Result))
	if err != nil {
		return errValidation("Mocked result must be valid JSON")
	}
	list, isList := v.([]any)
	_, isObject := v.(*asl.Object)
	setup := t.in.StateConfiguration
	switch {
	case kind == "Parallel" && !isList, kind == "Map" && !isList && t.state.Writer == nil:
		return errValidation("Mocked result must be an array.")
	case kind == "Parallel" && len(list) != len(t.state.Branches):
		return errValidation("Mocked result must contain the same number of items as number of Parallel branches.")
	case kind == "Map" && t.state.Writer != nil && !isObject:
		return errValidation("Mocked result must be a JSON object.")
	case kind == "Map" && setup != nil && int(deref(setup.MapIterationFailureCount)) > len(list):
		return errValidation("Map iteration failure count must be less than or equal to the number of Map iterations")
	}
	if kind == "Task" {
		return checkMock(t.state.Resource, v, deref(m.FieldValidationMode))
	}
	return nil
}

// turn makes an execution that is at the state.
func (t *stateTest) turn(ctx context.Context) (*machine.Turn, *execution, error) {
	p, now := placeOf(ctx), t.s.cfg.Now()
	name, id := newUUID(), newUUID()
	x := &execution{Express: true, key: executionKey(p, name, id)}
	x.Execution = machine.Execution{
		ARN: p.arn("express", name) + ":" + id, Name: id, MachineARN: p.arn("stateMachine", name), MachineName: name, RoleARN: deref(t.in.RoleArn),
		Input: t.input, Started: now.UnixMilli(), Seed: newSeed(), Status: machine.Running, LastID: 1,
	}
	root := &machine.Thread{ID: 1, State: t.name, Input: asl.Encode(json.RawMessage(t.input))}
	if t.within { // AWS: as if the input were a Map state's first item
		root.Item = root.Input
	}
	if t.in.Variables != nil {
		if err := json.Unmarshal([]byte(*t.in.Variables), &root.Vars); err != nil {
			return nil, nil, errValidation("Variables must be a valid JSON object")
		}
		v, _ := asl.Decode([]byte(*t.in.Variables))
		if o, ok := v.(*asl.Object); ok && o.Len() > 0 {
			t.seen.Set("variables", string(asl.Encode(o)))
		}
	}
	x.Threads = []*machine.Thread{root}
	probe, err := t.probe()
	if err != nil {
		return nil, nil, err
	}
	turn := &machine.Turn{X: &x.Execution, Def: t.def, Now: now, Owner: "test", NoHistory: true, Region: p.Region, Probe: probe}
	if t.in.Context != nil {
		o, err := t.context()
		if err != nil {
			return nil, nil, err
		}
		turn.Context = o
	}
	return turn, x, nil
}

func (t *stateTest) probe() (*machine.Probe, error) {
	p := &machine.Probe{Seen: func(step string, v any) {
		// AWS: it does not tell how data came to a state's own result, or to branches that are not run.
		if strings.HasPrefix(step, "after") && !strings.HasPrefix(step, "afterResult") && (t.state.HasResult || t.state.Type == "Parallel") {
			return
		}
		if n, ok := v.(json.Number); ok && (step == "maxConcurrency" || step == "toleratedFailureCount" || step == "toleratedFailurePercentage") {
			t.seen.Set(step, n)
			return
		}
		t.seen.Set(step, string(asl.Encode(v)))
	}}
	if m := t.in.Mock; m != nil {
		if m.Result != nil {
			p.Result = json.RawMessage(*m.Result)
		}
		if m.ErrorOutput != nil {
			p.Failure = &asl.Failure{Error: deref(m.ErrorOutput.Error), Cause: deref(m.ErrorOutput.Cause)}
		}
	}
	if setup := t.in.StateConfiguration; setup != nil {
		p.Failures, p.Retries = int(deref(setup.MapIterationFailureCount)), int(deref(setup.RetrierRetryCount))
		if setup.MapItemReaderData != nil && t.state.Reader != nil {
			var err error
			if p.Items, p.Keys, err = parseItems(t.state.Reader, "", []byte(*setup.MapItemReaderData)); err != nil {
				return nil, errValidation("Map item reader data is not valid: %s", err)
			}
		}
	}
	return p, nil
}

// run takes the state to its end.
func (t *stateTest) run(ctx context.Context, turn *machine.Turn, x *execution) error {
	t.seen.Set("input", string(asl.Encode(t.input)))
	turn.Run()
	for !x.Ended() {
		th := x.Threads[0]
		switch th.Phase {
		case machine.Calling, machine.Callback: // an activity has no call
			res := t.call(ctx, turn, x, th)
			if res.Failure == nil {
				t.seenResult(res)
			}
			turn.Now = t.s.cfg.Now()
			turn.Finish(th.ID, res)
		case machine.Waiting:
			turn.Now = time.UnixMilli(th.At)
			turn.Tick()
		default:
			return errValidation("The state '%s' cannot be tested.", t.name)
		}
	}
	return nil
}

func (t *stateTest) seenResult(res machine.Result) {
	t.seen.Set("result", string(res.Output))
}

func (t *stateTest) call(ctx context.Context, turn *machine.Turn, x *execution, th *machine.Thread) machine.Result {
	p := turn.Probe
	switch {
	case p.Failure != nil:
		return machine.Result{Failure: &asl.Failure{Error: p.Failure.Error, Cause: p.Failure.Cause}}
	case p.Result != nil:
		v, _ := asl.Decode(p.Result)
		return machine.Result{Output: asl.Encode(v)}
	}
	c := t.s.newCall(x, turn, th)
	if deref(t.in.InspectionLevel) == "TRACE" {
		c.trace, c.reveal = new(webTrace), deref(t.in.RevealSecrets)
		defer func() {
			if c.trace.request != nil {
				t.seen.Set("request", c.trace.request)
				t.seen.Set("response", c.trace.response)
			}
		}()
	}
	return c.run(ctx)
}

func (t *stateTest) output(p *machine.Probe) *testStateOutput {
	out := &testStateOutput{Status: new(p.Status)}
	if p.Output != nil {
		out.Output = new(string(p.Output))
	}
	if p.Next != "" {
		out.NextState = new(p.Next)
	}
	if p.Failed != nil {
		if p.Failed.Error != "" {
			out.Error = new(p.Failed.Error)
		}
		if p.Failed.Cause != "" {
			out.Cause = new(p.Failed.Cause)
		}
	}
	if level := deref(t.in.InspectionLevel); level == "DEBUG" || level == "TRACE" {
		if p.Details != nil && p.Failed != nil {
			t.seen.Set("errorDetails", p.Details)
		}
		out.InspectionData = json.RawMessage(asl.Encode(t.seen))
	}
	return out
}

// contextFields are the members of the context object, and what they are.
var contextFields = map[string]map[string]string{
	"Execution":    {"Id": "string", "Input": "", "Name": "string", "RoleArn": "string", "StartTime": "string", "RedriveCount": "number", "RedriveTime": "string"},
	"State":        {"EnteredTime": "string", "Name": "string", "RetryCount": "number"},
	"StateMachine": {"Id": "string", "Name": "string"},
	"Task":         {"Token": "string"},
	"Map":          {"Item": ""},
}

// context reads the context object that the state is to see.
func (t *stateTest) context() (*asl.Object, error) {
	v, err := asl.Decode([]byte(*t.in.Context))
	o, ok := v.(*asl.Object)
	if err != nil || !ok {
		return nil, errValidation("Invalid Context object provided: Context object must be a valid JSON object")
	}
	for _, name := range o.Names() {
		fields, known := contextFields[name]
		if !known {
			return nil, errValidation("Invalid Context object provided: Field '%s' is not allowed", name)
		}
		part, _ := o.Get(name)
		inner, ok := part.(*asl.Object)
		if !ok {
			return nil, errValidation("Invalid Context object provided: %s must be an object", name)
		}
		for _, field := range inner.Names() {
			kind, known := fields[field]
			if !known {
				return nil, errValidation("Invalid Context object provided: Field '%s' is not allowed", field)
			}
			v, _ := inner.Get(field)
			if kind != "" && asl.TypeOf(v) != kind {
				return nil, errValidation("Invalid Context object provided: %s.%s must be a %s", name, field, kind)
			}
		}
	}
	if _, ok := o.Get("Task"); ok {
		r, _ := asl.ParseResource(t.state.Resource)
		if r == nil || r.Suffix == "" {
			return nil, errValidation("Invalid Context object provided: Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service integration pattern")
		}
	}
	return o, nil
}
