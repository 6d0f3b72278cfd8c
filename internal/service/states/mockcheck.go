package states

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi/shapes/dynamodb"
	"github.com/sallyport/sallyport/internal/awsapi/shapes/events"
	"github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/states"
	"github.com/sallyport/sallyport/internal/service/states/asl"
)

// answers are the shapes of services' answers that mocked results are held against, by service and action as a Resource names them.
// A result of any other service is taken as it is.
var answers = map[string]reflect.Type{
	"lambda:invoke":         reflect.TypeFor[lambda.InvokeOutput](),
	"lambda:getFunction":    reflect.TypeFor[lambda.GetFunctionOutput](),
	"dynamodb:getItem":      reflect.TypeFor[dynamodb.GetItemOutput](),
	"dynamodb:putItem":      reflect.TypeFor[dynamodb.PutItemOutput](),
	"dynamodb:updateItem":   reflect.TypeFor[dynamodb.UpdateItemOutput](),
	"dynamodb:deleteItem":   reflect.TypeFor[dynamodb.DeleteItemOutput](),
	"dynamodb:query":        reflect.TypeFor[dynamodb.QueryOutput](),
	"events:putEvents":      reflect.TypeFor[events.PutEventsOutput](),
	"states:startExecution": reflect.TypeFor[shapes.StartExecutionOutput](),
	"sfn:startExecution":    reflect.TypeFor[shapes.StartExecutionOutput](),
}

// checkMock holds a mocked result against the model of the service's answer. Mode STRICT, the usual one, also wants what is required.
func checkMock(resource string, result any, mode string) error {
	r, ok := asl.ParseResource(resource)
	if !ok || mode == "NONE" {
		return nil
	}
	shape, known := answers[r.Service+":"+r.Action]
	o, isObject := result.(*asl.Object)
	if !known || !isObject || r.Suffix != "" {
		return nil
	}
	if problem := checkStruct(shape, o, mode != "PRESENT"); problem != "" {
		return errValidation("Mock result schema validation error: %s", problem)
	}
	return nil
}

func checkStruct(t reflect.Type, o *asl.Object, strict bool) string {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := strings.Split(f.Tag.Get("aws"), ",")
		v, there := o.Get(f.Name) // results have the SDK's names, which begin in upper case
		if !there {
			if strict && slices.Contains(tag, "required") {
				return "Required field '" + f.Name + "' is missing"
			}
			continue
		}
		if f.Name == "Payload" { // a function's result is any JSON
			continue
		}
		if problem := checkField(f, tag, v, strict); problem != "" {
			return problem
		}
	}
	return ""
}

func checkField(f reflect.StructField, tag []string, v any, strict bool) string {
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	problem := func(text string) string { return "Field '" + f.Name + "' " + text }
	switch {
	case t == reflect.TypeFor[time.Time]() || t == reflect.TypeFor[[]byte]() || t.Kind() == reflect.String:
		s, ok := v.(string)
		switch enum := f.Tag.Get("enum"); {
		case !ok:
			return problem("must be a string")
		case enum != "" && !slices.Contains(strings.Split(enum, ","), s):
			return problem("is not an expected value")
		}
		return checkRange(tag, float64(len(s)), problem, "is smaller than the minimum length", "exceeds the maximum length")
	case t.Kind() == reflect.Int64 || t.Kind() == reflect.Float64:
		n, ok := v.(json.Number)
		x, err := n.Float64()
		if !ok || err != nil {
			return problem("must be a number")
		}
		return checkRange(tag, x, problem, "is less than the minimum value", "exceeds the maximum value")
	case t.Kind() == reflect.Bool:
		if _, ok := v.(bool); !ok {
			return problem("must be a boolean")
		}
	case t.Kind() == reflect.Slice:
		list, ok := v.([]any)
		if !ok {
			return problem("must be an array")
		}
		for _, e := range list {
			element := reflect.StructField{Name: f.Name, Type: t.Elem()}
			if problem := checkField(element, nil, e, strict); problem != "" {
				return problem
			}
		}
	case t.Kind() == reflect.Struct:
		o, ok := v.(*asl.Object)
		if !ok {
			return problem("must be an object")
		}
		return checkStruct(t, o, strict)
	case t.Kind() == reflect.Map:
		if _, ok := v.(*asl.Object); !ok {
			return problem("must be an object")
		}
	}
	return ""
}

// checkRange holds a length or a value against min= and max= of a tag.
func checkRange(tag []string, x float64, problem func(string) string, low, high string) string {
	for _, option := range tag {
		for _, limit := range []struct {
			name, text string
			broken     func(bound float64) bool
		}{
			{"min=", low, func(bound float64) bool { return x < bound }},
			{"max=", high, func(bound float64) bool { return x > bound }},
		} {
			text, ok := strings.CutPrefix(option, limit.name)
			bound, err := strconv.ParseFloat(text, 64)
			if ok && err == nil && limit.broken(bound) {
				return problem(limit.text)
			}
		}
	}
	return ""
}
