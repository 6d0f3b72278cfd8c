package events

import (
	"encoding/json"
	"time"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/events"
)

// The documents, by key; {p} is account/region:
//
//	bus/{p}/{name}                 eventBus; the default bus has one when something was set on it
//	rule/{p}/{bus}/{name}          rule, with its targets
//	archive/{p}/{name}             archive
//	replay/{p}/{name}              replay
//	connection/{p}/{name}          connection
//	destination/{p}/{name}         destination
//	kept/{archive id}/{time}/{id}  an event of an archive, as it was delivered

type eventBus struct {
	Place       place
	Name        string
	Description string            `json:",omitempty"`
	KMSKey      string            `json:",omitempty"`
	DeadLetter  string            `json:",omitempty"`
	Policy      *policyDocument   `json:",omitempty"`
	Tags        map[string]string `json:",omitempty"`
	Created     time.Time
	Modified    time.Time
	Token       string `json:",omitempty"`
}

type policyDocument struct {
	Version   string
	Statement []json.RawMessage
}

type rule struct {
	Place       place
	Bus         string
	Name        string
	Pattern     string            `json:",omitempty"`
	Schedule    string            `json:",omitempty"`
	State       string            `json:",omitempty"`
	Description string            `json:",omitempty"`
	Role        string            `json:",omitempty"`
	CreatedBy   string            `json:",omitempty"`
	Tags        map[string]string `json:",omitempty"`
	Targets     []*shapes.Target  `json:",omitempty"`
	Token       string            `json:",omitempty"`

	// Due is when the schedule fires next; Fired is when it did last. The job of a time that is neither is stale.
	Due   time.Time
	Fired time.Time
}

func (r *rule) bus() busRef  { return busRef{r.Place, r.Bus} }
func (r *rule) arn() string  { return r.bus().ruleARN(r.Name) }
func (r *rule) key() string  { return r.bus().ruleKey(r.Name) }
func (r *rule) active() bool { return r.State != "DISABLED" }

func (r *rule) target(id string) *shapes.Target {
	for _, t := range r.Targets {
		if *t.Id == id {
			return t
		}
	}
	return nil
}

type archive struct {
	Place       place
	ID          string // drawn anew for each archive, so that one made again has nothing of the old
	Name        string
	Bus         string
	Description string `json:",omitempty"`
	Pattern     string `json:",omitempty"`
	Days        int64  `json:",omitempty"`
	Created     time.Time
	Token       string `json:",omitempty"`
}

type replay struct {
	Place       place
	Name        string
	Description string `json:",omitempty"`
	Archive     string
	ArchiveID   string
	Bus         string
	Rules       []string `json:",omitempty"` // ARNs
	From, To    time.Time
	State       string
	Reason      string `json:",omitempty"`
	Started     time.Time
	Ended       time.Time
	Last        time.Time // time of the event that was sent last
	LastKey     string    `json:",omitempty"` // and its key
}

type connection struct {
	Place       place
	ID          string
	Name        string
	Description string `json:",omitempty"`
	Kind        string
	Auth        *shapes.CreateConnectionAuthRequestParameters
	State       string
	Created     time.Time
	Modified    time.Time
	Authorized  time.Time
	Token       string `json:",omitempty"`
}

type destination struct {
	Place       place
	ID          string
	Name        string
	Description string `json:",omitempty"`
	Connection  string // ARN
	Endpoint    string
	Method      string
	Rate        int64 `json:",omitempty"`
	Created     time.Time
	Modified    time.Time
	Token       string `json:",omitempty"`
}
