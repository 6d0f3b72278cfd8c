package sqs

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/internal/policy"
)

const (
	maxMessage = 1 << 20 // bytes. AWS: since August 2025
	maxHidden  = 12 * time.Hour
)

// An attribute that can be set is a number within bounds, or has a check of its own.
var numbers = map[string]struct{ low, high, standard int64 }{
	"DelaySeconds":                  {0, 900, 0},
	"MaximumMessageSize":            {1024, maxMessage, maxMessage},
	"MessageRetentionPeriod":        {60, 1209600, 345600},
	"ReceiveMessageWaitTimeSeconds": {0, 20, 0},
	"VisibilityTimeout":             {0, 43200, 30},
	"KmsDataKeyReusePeriodSeconds":  {60, 86400, 300},
}

var words = map[string][]string{
	"FifoQueue":                 {"true", "false"},
	"ContentBasedDeduplication": {"true", "false"},
	"SqsManagedSseEnabled":      {"true", "false"},
	"DeduplicationScope":        {"queue", "messageGroup"},
	"FifoThroughputLimit":       {"perQueue", "perMessageGroupId"},
}

var fifoOnly = []string{"FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"}

// checkAttributes refuses what AWS refuses. An empty value resets an attribute.
func checkAttributes(name string, in map[string]string) error {
	fifo := (&queue{Name: name}).fifo()
	for _, k := range slices.Sorted(maps.Keys(in)) {
		v := in[k]
		if slices.Contains(fifoOnly, k) && !fifo {
			return failure("InvalidAttributeName", "InvalidAttributeName", "Unknown Attribute %s.", k)
		}
		switch {
		case numbers[k].high > 0:
			n, err := strconv.ParseInt(v, 10, 64)
			if v != "" && (err != nil || n < numbers[k].low || n > numbers[k].high) {
				return errAttributeValue(k)
			}
		case words[k] != nil:
			if v != "" && !slices.Contains(words[k], v) {
				return errAttributeValue(k)
			}
		case k == "Policy":
			if v != "" {
				if _, err := policy.Parse([]byte(v)); err != nil {
					return errAttributeValue(k)
				}
			}
		case k == "RedrivePolicy":
			if v != "" {
				if _, err := parseRedrive(v); err != nil {
					return err
				}
			}
		case k == "RedriveAllowPolicy":
			if v != "" && !json.Valid([]byte(v)) {
				return errAttributeValue(k)
			}
		case k == "KmsMasterKeyId":
		default:
			return failure("InvalidAttributeName", "InvalidAttributeName", "Unknown Attribute %s.", k)
		}
	}
	if fifo && in["FifoQueue"] == "false" {
		return errAttributeValue("FifoQueue")
	}
	return nil
}

// A redrive says when a message is given up.
type redrive struct {
	Target   string
	Receives int
}

func parseRedrive(text string) (r redrive, err error) {
	var in struct {
		Target   *string `json:"deadLetterTargetArn"`
		Receives any     `json:"maxReceiveCount"`
	}
	refuse := func(why string) (redrive, error) {
		return r, errInvalid("Value %s for parameter RedrivePolicy is invalid. Reason: %s", text, why)
	}
	if json.Unmarshal([]byte(text), &in) != nil {
		return refuse("Redrive policy is not a valid JSON map.")
	}
	if in.Target == nil || in.Receives == nil {
		return refuse("Redrive policy does not contain mandatory attribute: deadLetterTargetArn or maxReceiveCount.")
	}
	switch n := in.Receives.(type) {
	case float64:
		r.Receives = int(n)
	case string:
		if r.Receives, err = strconv.Atoi(n); err != nil {
			return refuse("Invalid value for maxReceiveCount: " + n + ", valid values are from 1 to 1000 both inclusive.")
		}
	}
	if r.Receives < 1 || r.Receives > 1000 {
		return refuse("Invalid value for maxReceiveCount: " + strconv.Itoa(r.Receives) + ", valid values are from 1 to 1000 both inclusive.")
	}
	r.Target = *in.Target
	return r, nil
}

// number returns an attribute that is a number.
func (q *queue) number(name string) int64 {
	if n, err := strconv.ParseInt(q.Attributes[name], 10, 64); err == nil {
		return n
	}
	return numbers[name].standard
}

func (q *queue) seconds(name string) time.Duration {
	return time.Duration(q.number(name)) * time.Second
}

// shown returns the attributes that do not depend on the messages.
func (q *queue) shown() map[string]string {
	out := map[string]string{
		"QueueArn": q.arn(), "CreatedTimestamp": strconv.FormatInt(q.Created, 10), "LastModifiedTimestamp": strconv.FormatInt(q.Modified, 10),
		"SqsManagedSseEnabled": "true",
	}
	for name, n := range numbers {
		if name != "KmsDataKeyReusePeriodSeconds" {
			out[name] = strconv.FormatInt(n.standard, 10)
		}
	}
	if q.fifo() {
		out["FifoQueue"], out["ContentBasedDeduplication"], out["DeduplicationScope"], out["FifoThroughputLimit"] = "true", "false", "queue", "perQueue"
	}
	if q.Attributes["KmsMasterKeyId"] != "" {
		out["SqsManagedSseEnabled"] = "false"
	}
	for k, v := range q.Attributes {
		if v != "" {
			out[k] = v
		}
	}
	return out
}
