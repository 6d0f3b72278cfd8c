package scheduler

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/scheduler"
	"github.com/sallyport/sallyport/internal/service/events/schedule"
)

// An entry is a schedule.
type entry struct {
	Place       place
	Group       string
	Name        string
	Expression  string
	Zone        string `json:",omitempty"`
	Description string `json:",omitempty"`
	KMSKey      string `json:",omitempty"`
	State       string
	After       string // what to do when there is no further time: NONE or DELETE
	Window      shapes.FlexibleTimeWindow
	Start, End  time.Time
	Target      shapes.Target
	Created     time.Time
	Modified    time.Time
	Token       string `json:",omitempty"`

	// Due is when it fires next; Fired is when it did last. The job of a time that is neither is stale.
	Due   time.Time
	Fired time.Time
}

func (e *entry) key() string { return e.Place.schedulesPrefix(e.Group) + e.Name }
func (e *entry) arn() string { return e.Place.arn("schedule/" + e.Group + "/" + e.Name) }

// parse reads the expression.
func (e *entry) parse() (*schedule.Schedule, error) {
	name := e.Zone
	if name == "" {
		name = "UTC"
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, invalid("Invalid ScheduleExpressionTimezone %s.", e.Zone)
	}
	sch, err := schedule.ParseOnce(e.Expression, zone)
	if err != nil {
		return nil, invalid("Invalid Schedule Expression %s.", e.Expression)
	}
	return sch, nil
}

// check refuses what AWS refuses, and sets what was left out.
func (e *entry) check() error {
	if _, err := e.parse(); err != nil {
		return err
	}
	if e.State == "" {
		e.State = "ENABLED"
	}
	if e.After == "" {
		e.After = "NONE"
	}
	switch value(e.Window.Mode) {
	case "FLEXIBLE":
		if e.Window.MaximumWindowInMinutes == nil {
			return invalid("MaximumWindowInMinutes must be provided for a FLEXIBLE FlexibleTimeWindow.")
		}
	case "OFF":
		if e.Window.MaximumWindowInMinutes != nil {
			return invalid("MaximumWindowInMinutes must not be provided when FlexibleTimeWindow is OFF.")
		}
	default:
		return invalid("FlexibleTimeWindow.Mode must be OFF or FLEXIBLE.")
	}
	a, err := arn.Parse(value(e.Target.Arn))
	if err != nil {
		return invalid("Provided Arn is not in correct format.")
	}
	switch {
	case !e.Start.IsZero() && !e.End.IsZero() && !e.Start.Before(e.End):
		return invalid("EndDate must be after StartDate.")
	case e.Target.RoleArn == nil:
		return invalid("RoleArn is required for target %s.", *e.Target.Arn)
	case strings.HasSuffix(a.Resource, ".fifo") && a.Service == "sqs" && e.Target.SqsParameters == nil:
		return invalid("SqsParameters must be specified for the FIFO queue %s.", *e.Target.Arn)
	case a.Service == "events" && e.Target.EventBridgeParameters == nil:
		return invalid("EventBridgeParameters must be specified for the event bus %s.", *e.Target.Arn)
	}
	return nil
}

// plan sets when the schedule fires next, after a change.
func (e *entry) plan(at time.Time) error {
	e.Due = time.Time{}
	if e.State == "DISABLED" {
		return nil
	}
	sch, err := e.parse()
	if err != nil {
		return err
	}
	from := at
	if e.Start.After(at) {
		from = e.Start
	}
	if sch.Rate() { // AWS: the first time is at once, or at the start
		e.Due = from.UTC()
	} else if !sch.Once() {
		from = from.Add(-time.Nanosecond) // the start itself counts
	}
	if e.Due.IsZero() {
		e.Due = sch.First(from).UTC()
	}
	if !e.End.IsZero() && e.Due.After(e.End) {
		e.Due = time.Time{}
	}
	return nil
}

func groupOf(name *string) string {
	if value(name) == "" {
		return defaultGroup
	}
	return *name
}

func (s *Service) createSchedule(ctx context.Context, in *shapes.CreateScheduleInput) (*shapes.CreateScheduleOutput, error) {
	e := &entry{
		Group: groupOf(in.GroupName), Name: *in.Name, Expression: *in.ScheduleExpression, Zone: value(in.ScheduleExpressionTimezone),
		Description: value(in.Description), KMSKey: value(in.KmsKeyArn), State: value(in.State), After: value(in.ActionAfterCompletion),
		Window: *in.FlexibleTimeWindow, Start: value(in.StartDate), End: value(in.EndDate), Target: *in.Target, Token: value(in.ClientToken),
	}
	if err := s.makeSchedule(ctx, e); err != nil {
		return nil, err
	}
	return &shapes.CreateScheduleOutput{ScheduleArn: new(e.arn())}, nil
}

func (s *Service) makeSchedule(ctx context.Context, e *entry) error {
	if err := e.check(); err != nil {
		return err
	}
	if _, err := s.findGroup(ctx, e.Group); err != nil {
		return err
	}
	e.Place, e.Created = placeOf(ctx), now()
	e.Modified = e.Created
	if err := e.plan(time.Now()); err != nil {
		return err
	}
	made, err := s.schedules.Edit(ctx, e.key(), func(old *entry) (*entry, error) {
		if old != nil && (e.Token == "" || e.Token != old.Token) {
			return nil, awsapi.Errorf("ConflictException", 409, "Schedule %s already exists.", e.Name)
		}
		return e, nil
	})
	if err != nil {
		return err
	}
	return s.wake(ctx, made)
}

func (s *Service) findSchedule(ctx context.Context, groupName *string, name string) (*entry, error) {
	e, err := s.schedules.Get(ctx, placeOf(ctx).schedulesPrefix(groupOf(groupName))+name)
	if err == nil && e == nil {
		err = errNoSchedule(name)
	}
	return e, err
}

func (s *Service) getSchedule(ctx context.Context, in *shapes.GetScheduleInput) (*shapes.GetScheduleOutput, error) {
	e, err := s.findSchedule(ctx, in.GroupName, *in.Name)
	if err != nil {
		return nil, err
	}
	zone := e.Zone
	if zone == "" {
		zone = "UTC"
	}
	return &shapes.GetScheduleOutput{
		Arn: new(e.arn()), Name: &e.Name, GroupName: &e.Group, ScheduleExpression: &e.Expression, ScheduleExpressionTimezone: &zone,
		Description: optional(e.Description), KmsKeyArn: optional(e.KMSKey), State: &e.State, ActionAfterCompletion: &e.After, FlexibleTimeWindow: &e.Window,
		StartDate: timeOrNil(e.Start), EndDate: timeOrNil(e.End), Target: e.shown(), CreationDate: &e.Created, LastModificationDate: &e.Modified,
	}, nil
}

// shown is the target with the retry policy that it has.
func (e *entry) shown() *shapes.Target {
	t := e.Target
	p := shapes.RetryPolicy{}
	if t.RetryPolicy != nil {
		p = *t.RetryPolicy
	}
	if p.MaximumRetryAttempts == nil {
		p.MaximumRetryAttempts = new(int64(maxAttempts))
	}
	if p.MaximumEventAgeInSeconds == nil {
		p.MaximumEventAgeInSeconds = new(int64(maxAge / time.Second))
	}
	t.RetryPolicy = &p
	return &t
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// updateSchedule replaces a schedule: what is left out is as if it had never been given.
func (s *Service) updateSchedule(ctx context.Context, in *shapes.UpdateScheduleInput) (*shapes.UpdateScheduleOutput, error) {
	e := &entry{
		Group: groupOf(in.GroupName), Name: *in.Name, Expression: *in.ScheduleExpression, Zone: value(in.ScheduleExpressionTimezone),
		Description: value(in.Description), KMSKey: value(in.KmsKeyArn), State: value(in.State), After: value(in.ActionAfterCompletion),
		Window: *in.FlexibleTimeWindow, Start: value(in.StartDate), End: value(in.EndDate), Target: *in.Target,
	}
	made, err := s.replace(ctx, e)
	if err != nil {
		return nil, err
	}
	return &shapes.UpdateScheduleOutput{ScheduleArn: new(made.arn())}, nil
}

func (s *Service) replace(ctx context.Context, e *entry) (*entry, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	e.Place = placeOf(ctx)
	made, err := s.schedules.Edit(ctx, e.key(), func(old *entry) (*entry, error) {
		if old == nil {
			return nil, errNoSchedule(e.Name)
		}
		e.Created, e.Modified, e.Token, e.Fired = old.Created, now(), old.Token, old.Fired
		if old.Expression == e.Expression && old.Zone == e.Zone && old.State == e.State && old.Start.Equal(e.Start) && old.End.Equal(e.End) {
			e.Due = old.Due
			return e, nil
		}
		return e, e.plan(time.Now())
	})
	if err != nil {
		return nil, err
	}
	return made, s.wake(ctx, made)
}

func (s *Service) deleteSchedule(ctx context.Context, in *shapes.DeleteScheduleInput) (*shapes.DeleteScheduleOutput, error) {
	e, err := s.findSchedule(ctx, in.GroupName, *in.Name)
	if err != nil {
		return nil, err
	}
	_, err = s.schedules.Edit(ctx, e.key(), func(*entry) (*entry, error) { return nil, nil })
	return &shapes.DeleteScheduleOutput{}, err
}

func (s *Service) listSchedules(ctx context.Context, in *shapes.ListSchedulesInput) (*shapes.ListSchedulesOutput, error) {
	all, err := s.schedules.List(ctx, placeOf(ctx).schedulesPrefix(value(in.GroupName)))
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(e *entry) bool {
		return !strings.HasPrefix(e.Name, value(in.NamePrefix)) || in.State != nil && *in.State != e.State
	})
	all, next, err := page(all, (*entry).key, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListSchedulesOutput{Schedules: []*shapes.ScheduleSummary{}, NextToken: next}
	for _, e := range all {
		out.Schedules = append(out.Schedules, &shapes.ScheduleSummary{
			Arn: new(e.arn()), Name: &e.Name, GroupName: &e.Group, State: &e.State, Target: &shapes.TargetSummary{Arn: e.Target.Arn},
			CreationDate: &e.Created, LastModificationDate: &e.Modified,
		})
	}
	return out, nil
}
