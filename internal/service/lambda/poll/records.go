package poll

import (
	"encoding/json"
	"time"
)

// A change is a record of a stream as DynamoDB Streams gives it.
type change struct {
	EventID      string          `json:"eventID"`
	EventName    string          `json:"eventName"`
	EventVersion string          `json:"eventVersion"`
	EventSource  string          `json:"eventSource"`
	AwsRegion    string          `json:"awsRegion"`
	Dynamodb     json.RawMessage `json:"dynamodb"`
	UserIdentity *struct{ PrincipalId, Type string }
}

// A record is one change, ready for the function.
type record struct {
	data     json.RawMessage
	sequence string
	arrived  time.Time
}

// ready returns the record in the form in which functions get it.
func (c change) ready(source string) (record, error) {
	type identity struct {
		Type        string `json:"type"`
		PrincipalID string `json:"principalId"`
	}
	var about struct {
		SequenceNumber              string
		ApproximateCreationDateTime float64
	}
	if err := json.Unmarshal(c.Dynamodb, &about); err != nil {
		return record{}, err
	}
	out := struct {
		EventID      string          `json:"eventID"`
		EventName    string          `json:"eventName"`
		EventVersion string          `json:"eventVersion"`
		EventSource  string          `json:"eventSource"`
		AwsRegion    string          `json:"awsRegion"`
		Dynamodb     json.RawMessage `json:"dynamodb"`
		UserIdentity *identity       `json:"userIdentity,omitempty"`
		SourceARN    string          `json:"eventSourceARN"`
	}{c.EventID, c.EventName, c.EventVersion, c.EventSource, c.AwsRegion, c.Dynamodb, nil, source}
	if u := c.UserIdentity; u != nil {
		out.UserIdentity = &identity{u.Type, u.PrincipalId}
	}
	data, err := json.Marshal(out)
	return record{data, about.SequenceNumber, time.Unix(int64(about.ApproximateCreationDateTime), 0).UTC()}, err
}

// A report tells of records that were given up.
type report struct {
	Request struct {
		ID        string `json:"requestId"`
		Function  string `json:"functionArn"`
		Condition string `json:"condition"`
		Count     int    `json:"approximateInvokeCount"`
	} `json:"requestContext"`
	Response *reportResponse `json:"responseContext,omitempty"`
	Version  string          `json:"version"`
	Time     string          `json:"timestamp"`
	Info     reportInfo      `json:"DDBStreamBatchInfo"`
}

type reportResponse struct {
	Status  int    `json:"statusCode"`
	Version string `json:"executedVersion"`
	Failure string `json:"functionError"`
}

type reportInfo struct {
	Shard  string `json:"shardId"`
	Start  string `json:"startSequenceNumber"`
	End    string `json:"endSequenceNumber"`
	First  string `json:"approximateArrivalOfFirstRecord"`
	Last   string `json:"approximateArrivalOfLastRecord"`
	Size   int    `json:"batchSize"`
	Stream string `json:"streamArn"`
}
