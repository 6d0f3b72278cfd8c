package asl

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// A Retrier is one element of Retry.
type Retrier struct {
	ErrorEquals []string
	Interval    float64 // seconds
	MaxAttempts int64
	Backoff     float64
	MaxDelay    float64 // seconds; zero: none
	Jitter      bool
}

// A Catcher is one element of Catch.
type Catcher struct {
	ErrorEquals []string
	Next        string
	ResultPath  *PathField
	Assign      *Template
	Output      *Template
}

// Delay returns how long to wait before the nth retry, counted from one.
func (r *Retrier) Delay(n int, random func() uint64) time.Duration {
	d := r.Interval * math.Pow(r.Backoff, float64(n-1))
	if r.MaxDelay > 0 {
		d = min(d, r.MaxDelay)
	}
	d = min(d, 31622400)
	if r.Jitter {
		d *= float64(random()>>11) / (1 << 53)
	}
	return time.Duration(d * float64(time.Second))
}

// Matches tells whether a list of ErrorEquals takes an error. AWS: States.ALL does not take
// States.DataLimitExceeded; States.TaskFailed takes all that a task can fail with but States.Timeout.
func Matches(names []string, err string) bool {
	if err == ErrRuntime { // AWS: it always ends the execution, even if it is named
		return false
	}
	for _, name := range names {
		switch name {
		case err:
			return true
		case ErrAll:
			if err != ErrDataLimit {
				return true
			}
		case ErrTaskFailed:
			if !stateErrors[err] && err != ErrTimeout && err != ErrHeartbeatTimeout {
				return true
			}
		case ErrTimeout:
			if err == ErrHeartbeatTimeout {
				return true
			}
		}
	}
	return false
}

// stateErrors are those that no task fails with.
var stateErrors = map[string]bool{
	ErrRuntime: true, ErrDataLimit: true, ErrNoChoice: true, ErrIntrinsic: true, ErrResultPath: true, ErrBranchFailed: true, ErrQuery: true,
	ErrItemReader: true, ErrResultWriter: true, ErrTolerated: true, "States.ParameterPathFailure": true,
}

func (p *parser) retriers(o *Object, at string) []*Retrier {
	var list []*Retrier
	p.each(o, at, "Retry", func(e *Object, where string, last bool) {
		p.known(e, where, []string{"ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy", "Comment"})
		r := &Retrier{ErrorEquals: p.errorNames(e, where, last), Interval: 1, MaxAttempts: 3, Backoff: 2}
		r.Interval = p.number(e, where, "IntervalSeconds", 1, 0, 99999999)
		r.MaxAttempts = int64(p.number(e, where, "MaxAttempts", 3, 0, 99999999))
		r.Backoff = p.number(e, where, "BackoffRate", 2, 1, math.MaxFloat64)
		r.MaxDelay = p.number(e, where, "MaxDelaySeconds", 0, 1, 31622400)
		if _, given := e.Get("MaxDelaySeconds"); given && r.MaxDelay <= r.Interval && r.MaxDelay != 0 {
			p.schema(where, "MaxDelaySeconds must be greater than IntervalSeconds")
		}
		r.Jitter = p.oneOf(e, where, "JitterStrategy", "FULL", "NONE") == "FULL"
		list = append(list, r)
	})
	return list
}

func (p *parser) catchers(o *Object, at string, jsonata bool) []*Catcher {
	var list []*Catcher
	p.each(o, at, "Catch", func(e *Object, where string, last bool) {
		names := []string{"ErrorEquals", "Next", "Comment", "Assign"}
		if jsonata {
			names = append(names, "Output")
		} else {
			names = append(names, "ResultPath")
		}
		p.known(e, where, names)
		c := &Catcher{ErrorEquals: p.errorNames(e, where, last)}
		if p.required(e, where, "Next") {
			c.Next = p.str(e, where, "Next")
		}
		c.ResultPath = p.resultPath(e, where)
		c.Assign = p.assign(e, where, jsonata)
		if v, ok := e.Get("Output"); ok && jsonata {
			c.Output = p.queryTemplate(v, where+"/Output", "Output")
		}
		list = append(list, c)
	})
	return list
}

// each calls f for the objects of a list.
func (p *parser) each(o *Object, at, name string, f func(e *Object, where string, last bool)) {
	v, ok := o.Get(name)
	if !ok {
		return
	}
	list, ok := v.([]any)
	if !ok {
		p.schema(at+"/"+name, "Expected value of type Array")
		return
	}
	for i := range list {
		where := fmt.Sprintf("%s/%s[%d]", at, name, i)
		e, ok := list[i].(*Object)
		if !ok {
			p.schema(where, "Expected value of type Object")
			continue
		}
		f(e, where, i == len(list)-1)
	}
}

func (p *parser) errorNames(e *Object, at string, last bool) []string {
	if !p.required(e, at, "ErrorEquals") {
		return nil
	}
	v, _ := e.Get("ErrorEquals")
	list, _ := v.([]any)
	if len(list) == 0 {
		p.schema(at+"/ErrorEquals", "Value cannot be empty")
	}
	var names []string
	for _, v := range list {
		s, ok := v.(string)
		if !ok {
			p.schema(at+"/ErrorEquals", "Expected value of type String")
		}
		names = append(names, s)
	}
	if slices.Contains(names, ErrAll) && (len(names) > 1 || !last) {
		p.schema(at+"/ErrorEquals", "States.ALL must appear alone and at end of list")
	}
	return names
}

func (p *parser) number(e *Object, at, name string, otherwise, least, most float64) float64 {
	v, ok := e.Get(name)
	if !ok {
		return otherwise
	}
	f, ok := floatOf(v)
	if !ok {
		p.schema(at+"/"+name, "Expected value of type Number")
		return otherwise
	}
	if name != "BackoffRate" {
		if _, whole := intOf(v); !whole {
			p.schema(at+"/"+name, "Expected value of type Integer")
		}
	}
	p.between(at+"/"+name, f, least, most)
	return f
}
