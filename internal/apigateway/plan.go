package apigateway

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// An APIKey lets clients in where a route asks for one.
type APIKey struct {
	ID          string            `json:"id"`
	Value       string            `json:"value"`
	Name        string            `json:"name,omitempty"`
	Description string            `json:"description,omitempty"`
	CustomerID  string            `json:"customerId,omitempty"`
	Enabled     bool              `json:"enabled"`
	Tags        map[string]string `json:"tags,omitempty"`
	Created     time.Time         `json:"created"`
	Updated     time.Time         `json:"updated"`
}

// A UsagePlan says which stages its keys open, and how often.
type UsagePlan struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	ProductCode string            `json:"productCode,omitempty"`
	Stages      []PlanStage       `json:"apiStages,omitempty"`
	Throttle    *Throttle         `json:"throttle,omitempty"`
	Quota       *Quota            `json:"quota,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Created     time.Time         `json:"created"`
}

// A PlanStage is a stage that a plan opens.
type PlanStage struct {
	APIID    string              `json:"apiId"`
	Stage    string              `json:"stage"`
	Throttle map[string]Throttle `json:"throttle,omitempty"` // by route key
}

// Name is how plans name a stage: {apiId}:{stage}.
func (s *PlanStage) Name() string { return s.APIID + ":" + s.Stage }

// A Throttle is a rate in requests per second, and how many may come at once. For AWS a zero is no limit.
type Throttle struct {
	Rate  float64 `json:"rateLimit"`
	Burst int64   `json:"burstLimit"`
}

// Periods of quotas.
const (
	Day   = "DAY"
	Week  = "WEEK"
	Month = "MONTH"
)

// A Quota is how many requests a key has in each period.
type Quota struct {
	Limit  int64  `json:"limit"`
	Offset int64  `json:"offset,omitempty"` // see Start
	Period string `json:"period"`
}

// Start returns the first day of the period that t is in. Days are UTC's.
//
// AWS: the documentation says of the offset that it is taken off the limit at first. The limits that it has, and older documentation, say
// what it is: the day on which a period begins, counted from Sunday or from the first of the month.
func (q *Quota) Start(t time.Time) time.Time {
	y, m, d := t.UTC().Date()
	day := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	switch q.Period {
	case Week:
		return day.AddDate(0, 0, -(int(day.Weekday())-int(q.Offset)+7)%7)
	case Month:
		start := day.AddDate(0, 0, 1-d+int(q.Offset))
		if start.After(day) {
			start = time.Date(y, m-1, 1+int(q.Offset), 0, 0, 0, 0, time.UTC)
		}
		return start
	}
	return day
}

// Check reports what AWS refuses in a quota.
func (q *Quota) Check() error {
	switch {
	case q.Limit < 1:
		return BadRequest("Usage Plan quota limit must be greater than zero")
	case q.Period == Day && q.Offset != 0:
		return BadRequest("Usage Plan quota offset must be zero in the DAY period")
	case q.Period == Week && (q.Offset < 0 || q.Offset > 6):
		return BadRequest("Usage Plan quota offset must be between zero and six inclusive in the WEEK period")
	case q.Period == Month && (q.Offset < 0 || q.Offset > 27):
		return BadRequest("Usage Plan quota offset must be between zero and twenty-seven inclusive in the MONTH period")
	case q.Period != Day && q.Period != Week && q.Period != Month:
		return BadRequest("Usage Plan quota period must be one of: [DAY, WEEK, MONTH]")
	}
	return nil
}

// A PlanKey attaches a key to a plan.
type PlanKey struct {
	PlanID  string    `json:"planId"`
	KeyID   string    `json:"keyId"`
	Created time.Time `json:"created"`
}

// UsageStore is the store of what was used: documents Usage and Grant.
//
//	{account}/{region}/{planId}/{keyId}/node/{number}   Usage, written by that node alone
//	{account}/{region}/{planId}/{keyId}/grant           Grant
//
// What a key has used is the sum over the nodes. A node counts in its memory and writes now and then, so the sum is late by as much.
const UsageStore = "apigateway-usage"

// DayFormat is how days are written.
const DayFormat = "2006-01-02"

// A Usage is how many requests a node let through, by day. Days older than UsageDays are forgotten.
type Usage struct {
	Days map[string]int64 `json:"days"`
}

// UsageDays is how long usage by day is remembered: AWS shows 90 days.
const UsageDays = 90

// Since returns what was used on start and after.
func (u *Usage) Since(start time.Time) int64 {
	from, sum := start.Format(DayFormat), int64(0)
	for day, n := range u.Days {
		if day >= from {
			sum += n
		}
	}
	return sum
}

// A Grant is what somebody added to a key's quota for one period.
type Grant struct {
	Start string `json:"start"` // first day of the period
	Extra int64  `json:"extra"` // may be negative
}

// UsagePrefix begins the keys of what a key of a plan has used.
func (l Place) UsagePrefix(planID, keyID string) string {
	return l.Account + "/" + l.Region + "/" + planID + "/" + keyID + "/"
}

// Ends of keys after UsagePrefix.
const (
	UsageNode  = "node/"
	UsageGrant = "grant"
)

// AdmissionPrefix begins the keys of all documents on API keys and plans, which the data plane watches.
const AdmissionPrefix = "admission/"

// Kinds of admission documents, as they stand in keys after Place.AdmissionPrefix.
const (
	KindAPIKey   = "key/"     // key/{id}: APIKey
	KindKeyValue = "value/"   // value/{hash}: id of the key with that value, so that no two have one
	KindPlan     = "plan/"    // plan/{id}: UsagePlan
	KindPlanKey  = "plankey/" // plankey/{planId}/{keyId}: PlanKey
)

// AdmissionPrefix begins the keys of a place's documents on API keys and plans.
func (l Place) AdmissionPrefix() string { return AdmissionPrefix + l.Account + "/" + l.Region + "/" }

// KeyValueKey is the key of the document that keeps a value of API keys for one key.
func (l Place) KeyValueKey(value string) string {
	sum := sha256.Sum256([]byte(value))
	return l.AdmissionPrefix() + KindKeyValue + hex.EncodeToString(sum[:])
}

// ParseAdmissionKey reads the key of an admission document; kind ends with a slash.
func ParseAdmissionKey(key string) (place Place, kind, id string, ok bool) {
	rest, ok := strings.CutPrefix(key, AdmissionPrefix)
	parts := strings.SplitN(rest, "/", 4)
	if !ok || len(parts) < 4 {
		return Place{}, "", "", false
	}
	return Place{Account: parts[0], Region: parts[1]}, parts[2] + "/", parts[3], true
}
