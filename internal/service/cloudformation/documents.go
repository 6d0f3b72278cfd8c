package cloudformation

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/store"
)

// A stack is the document of one stack: keys.stack.
type stack struct {
	ID          string // ARN
	UUID        string
	Name        string
	Status      string
	Reason      string `json:",omitempty"`
	Created     time.Time
	Updated     *time.Time `json:",omitempty"`
	Deleted     *time.Time `json:",omitempty"`
	Outputs     []output   `json:",omitempty"`
	Imports     []string   `json:",omitempty"` // names of exports that its resources use
	ParentID    string     `json:",omitempty"`
	RootID      string     `json:",omitempty"`
	ChangeSet   string     `json:",omitempty"` // ARN of the one executed last
	LastEvent   time.Time
	EventSeq    int
	OldestEvent int        `json:",omitempty"` // the events before have been removed
	Op          *operation `json:",omitempty"` // what is being done to it
	LastToken   string     `json:",omitempty"` // ClientRequestToken of the last operation
	LastOp      string     `json:",omitempty"` // ID of the last operation
	Previous    *settings  `json:",omitempty"` // what a rollback that failed was to restore
	settings

	rev uint64 // of the document, when it was read; zero for a new stack
}

// settings are what an update of a stack replaces, and its rollback restores.
type settings struct {
	Template         string           // name of the template's document
	Description      string           `json:",omitempty"`
	Parameters       []parameterValue `json:",omitempty"`
	Tags             []tag            `json:",omitempty"`
	Capabilities     []string         `json:",omitempty"`
	NotificationARNs []string         `json:",omitempty"`
	RoleARN          string           `json:",omitempty"`
	DisableRollback  bool             `json:",omitempty"`
	OnFailure        string           `json:",omitempty"`
	TimeoutInMinutes int64            `json:",omitempty"`
}

// An operation is a change of a stack that is under way.
type operation struct {
	ID       string
	Kind     string // opCreate, opUpdate, opDelete
	Phase    string
	Started  time.Time
	Token    string    `json:",omitempty"` // ClientRequestToken
	Previous *settings `json:",omitempty"` // of the stack before an update
	Retain   []string  `json:",omitempty"` // logical ids that a deletion leaves alone
	Resumes  string    `json:",omitempty"` // ID of the operation whose rollback failed and is tried again
}

// Kinds and phases of operations.
const (
	opCreate = "create"
	opUpdate = "update"
	opDelete = "delete"

	phaseApply           = "apply"
	phaseCleanup         = "cleanup"
	phaseRollback        = "rollback"
	phaseRollbackCleanup = "rollback-cleanup"
	phaseDelete          = "delete"
)

type tag struct {
	Key, Value string
}

type output struct {
	Key, Value  string
	Description string `json:",omitempty"`
	Export      string `json:",omitempty"`
}

// A parameterValue is a parameter as the stack was given it.
type parameterValue struct {
	Key, Value string
	Resolved   string `json:",omitempty"` // of an SSM parameter
	NoEcho     bool   `json:",omitempty"`
}

// A resourceState is the document of one resource of a stack.
type resourceState struct {
	LogicalID           string
	Type                string
	PhysicalID          string         `json:",omitempty"`
	Ref                 string         `json:",omitempty"`
	Attributes          map[string]any `json:",omitempty"`
	Properties          map[string]any `json:",omitempty"`
	Status              string
	Reason              string `json:",omitempty"`
	Updated             time.Time
	DependsOn           []string `json:",omitempty"`
	DeletionPolicy      string   `json:",omitempty"`
	UpdateReplacePolicy string   `json:",omitempty"`
	Metadata            any      `json:",omitempty"`
	Tags                []tag    `json:",omitempty"` // the stack's, when the resource was last made or changed

	Op     string          `json:",omitempty"` // ID of the operation that finished it last; with "/rollback" if that restored it
	Before *resourceState  `json:",omitempty"` // as it was before Op; nil if it was not there
	Stale  []resourceState `json:",omitempty"` // physical resources that another has replaced, and that cleanup removes
}

// live reports whether there is a physical resource.
func (r *resourceState) live() bool {
	return r != nil && r.PhysicalID != "" && r.Status != "DELETE_COMPLETE" && r.Status != "DELETE_SKIPPED"
}

// An Event is one line of a stack's history.
type Event struct {
	ID         string
	StackID    string
	StackName  string
	LogicalID  string
	PhysicalID string
	Type       string
	Status     string
	Reason     string `json:",omitempty"`
	Properties string `json:",omitempty"` // JSON
	Token      string `json:",omitempty"` // ClientRequestToken
	Operation  string `json:",omitempty"`
	Time       time.Time
}

// A changeSet is the document of one change set.
type changeSet struct {
	ID          string // ARN
	UUID        string
	Name        string
	StackUUID   string
	StackID     string
	StackName   string
	Kind        string // "CREATE", "UPDATE"
	Status      string
	Reason      string `json:",omitempty"`
	Execution   string
	Description string `json:",omitempty"`
	Created     time.Time
	Nested      bool   `json:",omitempty"`
	OnFailure   string `json:",omitempty"`
	ClientToken string `json:",omitempty"`
	Changes     []change
	Values      []change `json:",omitempty"` // as with IncludePropertyValues
	settings
}

// templateText is the document of one template, as it was given and as its macros left it.
type templateText struct {
	Original  string
	Processed json.RawMessage
}

// keys makes the keys of one account and region.
type keys string

func keysOf(ctx context.Context) keys {
	c := awsapi.CallerOf(ctx)
	return keys(c.Account + "/" + c.Region + "/")
}

func (k keys) stacks() string                  { return "stacks/" + string(k) }
func (k keys) stack(uuid string) string        { return k.stacks() + uuid }
func (k keys) name(name string) string         { return string(k) + "names/" + name }
func (k keys) of(uuid string) string           { return string(k) + "stack/" + uuid + "/" }
func (k keys) events(uuid string) string       { return k.of(uuid) + "event/" }
func (k keys) resources(uuid string) string    { return k.of(uuid) + "resource/" }
func (k keys) resource(uuid, id string) string { return k.resources(uuid) + id }
func (k keys) protection(uuid string) string   { return k.of(uuid) + "protection" }
func (k keys) cancel(uuid string) string       { return k.of(uuid) + "cancel" }
func (k keys) policy(uuid string) string       { return k.of(uuid) + "policy" }
func (k keys) template(uuid, name string) string {
	return k.of(uuid) + "template/" + name
}
func (k keys) changeSets() string           { return string(k) + "changesets/" }
func (k keys) changeSet(uuid string) string { return k.changeSets() + uuid }
func (k keys) exports() string              { return string(k) + "exports/" }
func (k keys) export(name string) string    { return k.exports() + name }
func (k keys) event(uuid string, seq int) string {
	return fmt.Sprintf("%s%012d", k.events(uuid), seq)
}

// An export is the document of a name that a stack exports.
type export struct {
	Name, Value, StackID string
}

// decode reads a document. Numbers keep their text.
func decode(data []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return dec.Decode(into)
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("cloudformation: encode %T: %v", v, err)) // documents hold nothing that JSON cannot say
	}
	return b
}

// get reads one document; ok is false if there is none.
func get[T any](ctx context.Context, s store.Store, key string) (doc *T, ok bool, err error) {
	d, err := s.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, nil
	} else if err != nil {
		return nil, false, fmt.Errorf("read %s: %w", key, err)
	}
	doc = new(T)
	if err := decode(d.Data, doc); err != nil {
		return nil, false, fmt.Errorf("decode %s: %w", key, err)
	}
	return doc, true, nil
}

// list reads all documents under a prefix, sorted by key.
func list[T any](ctx context.Context, s store.Store, prefix string) ([]*T, error) {
	docs, err := s.List(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", prefix, err)
	}
	all := make([]*T, len(docs))
	for i, d := range docs {
		all[i] = new(T)
		if err := decode(d.Data, all[i]); err != nil {
			return nil, fmt.Errorf("decode %s: %w", d.Key, err)
		}
	}
	return all, nil
}

// stackNamed finds a stack by name or ARN. A deleted stack is found by its ARN only.
func (s *Service) stackNamed(ctx context.Context, nameOrARN string) (*stack, bool, error) {
	k := keysOf(ctx)
	uuid := nameOrARN[strings.LastIndexByte(nameOrARN, '/')+1:]
	if !strings.HasPrefix(nameOrARN, "arn:") {
		found, ok, err := get[string](ctx, s.docs(), k.name(nameOrARN))
		if !ok || err != nil {
			return nil, false, err
		}
		uuid = *found
	}
	return s.stackOf(ctx, uuid)
}

// stackOf reads a stack by the last part of its ARN.
func (s *Service) stackOf(ctx context.Context, uuid string) (*stack, bool, error) {
	key := keysOf(ctx).stack(uuid)
	d, err := s.docs().Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, nil
	} else if err != nil {
		return nil, false, fmt.Errorf("read %s: %w", key, err)
	}
	st := &stack{rev: d.Rev}
	if err := decode(d.Data, st); err != nil {
		return nil, false, fmt.Errorf("decode %s: %w", key, err)
	}
	return st, true, nil
}

// resourcesOf returns the resources of a stack by logical id.
func (s *Service) resourcesOf(ctx context.Context, uuid string) (map[string]*resourceState, error) {
	all, err := list[resourceState](ctx, s.docs(), keysOf(ctx).resources(uuid))
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*resourceState, len(all))
	for _, r := range all {
		byID[r.LogicalID] = r
	}
	return byID, nil
}

// eventsOf returns the history of a stack, oldest first.
func (s *Service) eventsOf(ctx context.Context, uuid string) ([]Event, error) {
	batches, err := list[[]Event](ctx, s.docs(), keysOf(ctx).events(uuid))
	if err != nil {
		return nil, err
	}
	var all []Event
	for _, b := range batches {
		all = append(all, *b...)
	}
	slices.SortStableFunc(all, func(a, b Event) int { return a.Time.Compare(b.Time) })
	return all, nil
}

// Templates may have a megabyte, documents less: they are kept compressed.

func encodeTemplate(t templateText) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(encode(t)) // into memory: cannot fail
	w.Close()
	return b.Bytes()
}

func (s *Service) templateOf(ctx context.Context, uuid, name string) (*templateText, error) {
	key := keysOf(ctx).template(uuid, name)
	d, err := s.docs().Get(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("read template %s: %w", key, err)
	}
	r, err := gzip.NewReader(bytes.NewReader(d.Data))
	if err != nil {
		return nil, fmt.Errorf("decompress template %s: %w", key, err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("decompress template %s: %w", key, err)
	}
	t := &templateText{}
	return t, decode(text, t)
}
