package scheduler

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // schedules are in times of zones, wherever the server runs

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/scheduler"
	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/service/events/delivery"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/follow"
)

// storeName is the store of groups (group/{account}/{region}/{name}) and schedules (schedule/{account}/{region}/{group}/{name}).
const storeName = "scheduler"

const defaultGroup = "default"

// A Config says what the service stands on.
type Config struct {
	Stores  store.Stores
	Bus     bus.Bus
	Targets *delivery.Sender
	Log     *slog.Logger
}

// Service is EventBridge Scheduler.
type Service struct {
	cfg       Config
	groups    *follow.Copy[group]
	schedules *follow.Copy[entry]
	timers    *bus.Later
	calls     *bus.Later
	done      *delivery.Memory // calls that were made
	began     time.Time        // what is older may have been in the hands of a process that died
}

// New returns the service. It answers while Run runs.
func New(cfg Config) *Service {
	return &Service{
		cfg:       cfg,
		groups:    follow.New[group](cfg.Stores, storeName, "group/", cfg.Log, nil),
		schedules: follow.New[entry](cfg.Stores, storeName, "schedule/", cfg.Log, nil),
		timers:    &bus.Later{Bus: cfg.Bus, Name: "scheduler-timers"},
		calls:     &bus.Later{Bus: cfg.Bus, Name: "scheduler-calls"},
		began:     time.Now(),
		done:      delivery.NewMemory(cfg.Stores, "scheduler-done", cfg.Log),
	}
}

// Run follows the store, fires schedules and calls targets until ctx is done.
func (s *Service) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var parts sync.WaitGroup
	list := []func(context.Context) error{s.groups.Run, s.schedules.Run, s.runTimers, s.runCalls, s.done.Run}
	errs := make([]error, len(list))
	for i, part := range list {
		parts.Go(func() {
			errs[i] = part(ctx)
			if ctx.Err() != nil {
				errs[i] = nil
			}
			cancel()
		})
	}
	parts.Wait()
	return errors.Join(errs...)
}

// API implements awsapi.Service.
func (s *Service) API() *awsapi.API { return shapes.API }

// Operations implements awsapi.Service.
func (s *Service) Operations() map[string]awsapi.Operation {
	return map[string]awsapi.Operation{
		"CreateSchedule":      awsapi.Op(s.createSchedule),
		"GetSchedule":         awsapi.Op(s.getSchedule),
		"UpdateSchedule":      awsapi.Op(s.updateSchedule),
		"DeleteSchedule":      awsapi.Op(s.deleteSchedule),
		"ListSchedules":       awsapi.Op(s.listSchedules),
		"CreateScheduleGroup": awsapi.Op(s.createScheduleGroup),
		"GetScheduleGroup":    awsapi.Op(s.getScheduleGroup),
		"DeleteScheduleGroup": awsapi.Op(s.deleteScheduleGroup),
		"ListScheduleGroups":  awsapi.Op(s.listScheduleGroups),
		"TagResource":         awsapi.Op(s.tagResource),
		"UntagResource":       awsapi.Op(s.untagResource),
		"ListTagsForResource": awsapi.Op(s.listTagsForResource),
	}
}

type place struct{ Account, Region string }

func placeOf(ctx context.Context) place {
	c := awsapi.CallerOf(ctx)
	return place{c.Account, c.Region}
}

func (p place) groupKey(name string) string {
	return "group/" + p.Account + "/" + p.Region + "/" + name
}

func (p place) schedulesPrefix(group string) string {
	k := "schedule/" + p.Account + "/" + p.Region + "/"
	if group != "" {
		k += group + "/"
	}
	return k
}

func (p place) arn(resource string) string {
	return arn.New("scheduler", p.Region, p.Account, resource).String()
}

func invalid(format string, args ...any) error {
	return awsapi.Errorf("ValidationException", 400, format, args...)
}

func errNoSchedule(name string) error {
	return awsapi.Errorf("ResourceNotFoundException", 404, "Schedule %s does not exist.", name)
}

func errNoGroup(name string) error {
	return awsapi.Errorf("ResourceNotFoundException", 404, "Schedule group %s does not exist.", name)
}

// value returns what p points to, or the zero value.
func value[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}

// optional returns nil for the zero value.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// page returns a page of sorted items. A token is the name of the last one given.
func page[T any](items []T, name func(T) string, limit *int64, token *string) ([]T, *string, error) {
	size := 100
	if limit != nil {
		size = int(*limit)
	}
	if token != nil {
		after, err := base64.RawURLEncoding.DecodeString(*token)
		if err != nil {
			return nil, nil, invalid("Invalid NextToken.")
		}
		for len(items) > 0 && strings.Compare(name(items[0]), string(after)) <= 0 {
			items = items[1:]
		}
	}
	if len(items) <= size {
		return items, nil, nil
	}
	return items[:size], new(base64.RawURLEncoding.EncodeToString([]byte(name(items[size-1])))), nil
}
