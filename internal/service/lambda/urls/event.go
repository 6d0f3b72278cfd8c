package urls

import (
	"encoding/base64"
	"mime"
	"net"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// An event is what the function gets: payload format 2.0.
type event struct {
	Version         string            `json:"version"`
	RouteKey        string            `json:"routeKey"`
	RawPath         string            `json:"rawPath"`
	RawQueryString  string            `json:"rawQueryString"`
	Cookies         []string          `json:"cookies,omitempty"`
	Headers         map[string]string `json:"headers"`
	Query           map[string]string `json:"queryStringParameters,omitempty"`
	RequestContext  requestContext    `json:"requestContext"`
	Body            *string           `json:"body,omitempty"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

type requestContext struct {
	AccountID    string      `json:"accountId"`
	APIID        string      `json:"apiId"`
	Authorizer   *authorizer `json:"authorizer,omitempty"`
	DomainName   string      `json:"domainName"`
	DomainPrefix string      `json:"domainPrefix"`
	HTTP         struct {
		Method    string `json:"method"`
		Path      string `json:"path"`
		Protocol  string `json:"protocol"`
		SourceIP  string `json:"sourceIp"`
		UserAgent string `json:"userAgent"`
	} `json:"http"`
	RequestID string `json:"requestId"`
	RouteKey  string `json:"routeKey"`
	Stage     string `json:"stage"`
	Time      string `json:"time"`
	TimeEpoch int64  `json:"timeEpoch"`
}

// An authorizer says who signed.
type authorizer struct {
	IAM struct {
		AccessKey string `json:"accessKey"`
		AccountID string `json:"accountId"`
		CallerID  string `json:"callerId"`
		Cognito   *int   `json:"cognitoIdentity"` // always null
		Org       *int   `json:"principalOrgId"`  // always null
		UserARN   string `json:"userArn"`
		UserID    string `json:"userId"`
	} `json:"iam"`
}

const always = "$default" // of all URLs: the route and the stage

func (c *call) event(caller awsapi.Caller, body []byte) *event {
	r, now := c.r, time.Now().UTC()
	e := &event{
		Version: "2.0", RouteKey: always, RawPath: path(r.URL), RawQueryString: r.URL.RawQuery, Headers: map[string]string{"host": r.Host},
		RequestContext: requestContext{
			AccountID: "anonymous", APIID: c.url.ID, DomainName: c.url.Host(), DomainPrefix: c.url.ID,
			RequestID: c.id, RouteKey: always, Stage: always, Time: now.Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: now.UnixMilli(),
		},
	}
	for name, values := range r.Header {
		if name == "Cookie" {
			for _, v := range values {
				e.Cookies = append(e.Cookies, strings.Split(v, "; ")...)
			}
			continue
		}
		e.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	e.Query = query(r.URL.RawQuery)
	h := &e.RequestContext.HTTP
	h.Method, h.Path, h.Protocol, h.UserAgent = r.Method, e.RawPath, r.Proto, r.UserAgent()
	h.SourceIP, _, _ = net.SplitHostPort(r.RemoteAddr)
	if caller.ARN != "" {
		a := &authorizer{}
		a.IAM.AccessKey, a.IAM.AccountID, a.IAM.CallerID, a.IAM.UserARN, a.IAM.UserID = caller.AccessKeyID, caller.Account, caller.UserID, caller.ARN, caller.UserID
		e.RequestContext.AccountID, e.RequestContext.Authorizer = caller.Account, a
	}
	if len(body) > 0 {
		text := string(body)
		if e.IsBase64Encoded = !isText(r.Header.Get("Content-Type")) || !utf8.Valid(body); e.IsBase64Encoded {
			text = base64.StdEncoding.EncodeToString(body)
		}
		e.Body = &text
	}
	return e
}

func path(u *url.URL) string {
	if u.Path == "" {
		return "/"
	}
	return u.Path
}

// query joins the values of a parameter that comes several times by commas, as AWS does.
func query(raw string) map[string]string {
	params := map[string]string{}
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, value = unescape(name), unescape(value)
		if name == "" {
			continue
		}
		if before, ok := params[name]; ok {
			value = before + "," + value
		}
		params[name] = value
	}
	return params
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// isText tells bodies that come as they are from those that come as base64. AWS: forms are among the latter.
func isText(contentType string) bool {
	if contentType == "" {
		return true
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch kind {
	case "application/json", "application/javascript", "application/xml":
		return true
	}
	return strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml")
}
