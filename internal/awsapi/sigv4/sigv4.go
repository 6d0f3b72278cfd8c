package sigv4

import (
	"strconv"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	timeFormat = "20060102T150405Z"
	dayFormat  = "20060102"
)

// A Request is an HTTP request as it was received.
type Request struct {
	Method string
	Target string // as on the request line: "/prod/@connections/L0SM9cOFIAMCIdw%3D?x=y"; its escapes count
	Host   string // the Host header, or :authority
	Header []Field
	Body   []byte

	// Unread says that the body is still to be read, and Body is not it: Verify takes the hash that X-Amz-Content-Sha256
	// claims, and the reader of the body has to check it. S3's objects are too large to be read first.
	Unread bool
}

// A Field is one line of the header. Names may have any case.
type Field struct {
	Name, Value string
}

// Get returns the first value of a header field.
func (r *Request) Get(name string) string {
	for i := range r.Header {
		if strings.EqualFold(r.Header[i].Name, name) {
			return r.Header[i].Value
		}
	}
	return ""
}

func (r *Request) has(name string) bool {
	for i := range r.Header {
		if strings.EqualFold(r.Header[i].Name, name) {
			return true
		}
	}
	return false
}

// path and query of the target; a target in absolute form loses scheme and host.
func (r *Request) split() (path, query string) {
	path, query, _ = strings.Cut(r.Target, "?")
	if _, rest, ok := strings.Cut(path, "://"); ok && !strings.HasPrefix(path, "/") {
		_, path, _ = strings.Cut(rest, "/")
		path = "/" + path
	}
	return path, query
}

// A Signature is what a request says about its signature.
type Signature struct {
	Presigned     bool // in the query string
	AccessKeyID   string
	Day           string // of the scope: "20250102"
	Region        string
	Service       string
	Terminator    string
	SignedHeaders string // "host;x-amz-date"
	Signature     string // hexadecimal
	Timestamp     string // "20250102T030405Z"
	Time          time.Time
	Expires       time.Duration // of presigned requests
	Token         string        // session token, or ""

	scope string // day/region/service/terminator
}

// A Kind says what is wrong with a signature; protocols have their own error codes for each.
type Kind uint8

// Kinds.
const (
	Missing    Kind = iota // the request is not signed
	Incomplete             // the signature cannot be read
	Conflict               // there are two
	Invalid                // it does not match, or was not made for this service
	Skewed                 // it was made at another time
)

// An Error says why a request was refused, in AWS's words.
type Error struct {
	Kind    Kind
	Message string

	// Of a signature that does not match: what was expected, with the session token masked.
	CanonicalRequest string
	StringToSign     string
}

func (e *Error) Error() string { return e.Message }

// errMissing carries the words of the JSON protocols; others have their own.
var errMissing = &Error{Kind: Missing, Message: "Request is missing Authentication Token"}

// IsSigned reports whether Parse would find something that claims to be a signature.
func IsSigned(r *Request) bool {
	if r.has("Authorization") {
		return true
	}
	_, query := r.split()
	return strings.Contains(query, "X-Amz-")
}

// Parse finds the signature of r. The error is an *Error.
func Parse(r *Request) (Signature, error) {
	auth := r.Get("Authorization")
	_, query := r.split()
	inQuery := strings.Contains(query, "X-Amz-") && (queryHas(query, "X-Amz-Algorithm") || queryHas(query, "X-Amz-Signature") || queryHas(query, "X-Amz-Credential"))
	switch {
	case auth != "" && inQuery:
		return Signature{}, &Error{Kind: Conflict, Message: "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."}
	case auth != "":
		return parseHeader(r, auth)
	case inQuery:
		return parseQuery(query)
	}
	return Signature{}, errMissing
}

func parseHeader(r *Request, auth string) (Signature, error) {
	if err := refuseScheme(auth); err != nil {
		return Signature{}, err
	}
	var s Signature
	var credential string
	_, rest, _ := strings.Cut(auth, " ")
	for rest != "" {
		var part string
		part, rest, _ = strings.Cut(rest, ",")
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			credential = value
		case "SignedHeaders":
			s.SignedHeaders = value
		case "Signature":
			s.Signature = value
		}
	}
	s.Timestamp = r.Get("X-Amz-Date")
	date := ""
	if s.Timestamp == "" {
		date = r.Get("Date")
	}
	if credential == "" || s.Signature == "" || s.SignedHeaders == "" || s.Timestamp == "" && date == "" {
		return Signature{}, incompleteHeader(auth, credential, s, date)
	}
	s.Token = r.Get("X-Amz-Security-Token")
	if err := s.readTime(date); err != nil {
		return Signature{}, err
	}
	return s, s.readCredential(credential)
}

func refuseScheme(auth string) error {
	switch {
	case strings.HasPrefix(auth, "AWS4-ECDSA-P256-SHA256"):
		return &Error{Kind: Incomplete, Message: "AWS4-ECDSA-P256-SHA256 (SigV4a) is not supported here: sign with AWS4-HMAC-SHA256."}
	case strings.HasPrefix(auth, "AWS ") || strings.HasPrefix(auth, "AWS3"):
		return &Error{Kind: Incomplete, Message: "Signature Version 2 is not supported: sign with AWS4-HMAC-SHA256."}
	}
	return nil
}

func incompleteHeader(auth, credential string, s Signature, date string) error {
	var b strings.Builder
	for _, p := range [][2]string{{"Credential", credential}, {"Signature", s.Signature}, {"SignedHeaders", s.SignedHeaders}} {
		if p[1] == "" {
			b.WriteString("Authorization header requires '" + p[0] + "' parameter. ")
		}
	}
	if s.Timestamp == "" && date == "" {
		b.WriteString("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
	}
	b.WriteString("Authorization=" + auth)
	return &Error{Kind: Incomplete, Message: b.String()}
}

func parseQuery(query string) (Signature, error) {
	var missing strings.Builder
	get := func(name string) string {
		v := queryValue(query, name)
		if v == "" {
			missing.WriteString("AWS query-string parameters must include '" + name + "'. ")
		}
		return v
	}
	s := Signature{Presigned: true}
	alg := get("X-Amz-Algorithm")
	credential := get("X-Amz-Credential")
	s.Signature = get("X-Amz-Signature")
	s.SignedHeaders = get("X-Amz-SignedHeaders")
	s.Timestamp = get("X-Amz-Date")
	if missing.Len() > 0 {
		return Signature{}, &Error{Kind: Incomplete, Message: missing.String() + "Re-examine the query-string parameters."}
	}
	if alg != algorithm {
		if err := refuseScheme(alg); err != nil {
			return Signature{}, err
		}
		return Signature{}, &Error{Kind: Incomplete, Message: "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\""}
	}
	s.Token = queryValue(query, "X-Amz-Security-Token")
	s.Expires = 300 * time.Second
	if text := queryValue(query, "X-Amz-Expires"); text != "" {
		n, err := strconv.Atoi(text)
		switch {
		case err != nil:
			return Signature{}, &Error{Kind: Incomplete, Message: "X-Amz-Expires should be a number"}
		case n < 1:
			return Signature{}, &Error{Kind: Incomplete, Message: "X-Amz-Expires must be non-negative"}
		case n > 604800:
			return Signature{}, &Error{Kind: Incomplete, Message: "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds"}
		}
		s.Expires = time.Duration(n) * time.Second
	}
	if err := s.readTime(""); err != nil {
		return Signature{}, err
	}
	return s, s.readCredential(credential)
}

// readTime parses the timestamp, or date, which is that of a Date header.
func (s *Signature) readTime(date string) error {
	var err error
	if date == "" {
		s.Time, err = time.Parse(timeFormat, s.Timestamp)
	} else {
		for _, layout := range []string{timeFormat, time.RFC1123, time.RFC1123Z, time.RFC850, time.ANSIC, time.RFC3339} {
			if s.Time, err = time.Parse(layout, date); err == nil {
				break
			}
		}
		s.Timestamp = s.Time.UTC().Format(timeFormat)
	}
	if err != nil {
		got := date
		if got == "" {
			got = s.Timestamp
		}
		return &Error{Kind: Incomplete, Message: "Date must be in ISO-8601 'basic format'. Got '" + got + "'. See http://en.wikipedia.org/wiki/ISO_8601"}
	}
	return nil
}

// readCredential takes key/day/region/service/terminator apart.
func (s *Signature) readCredential(credential string) error {
	rest := credential
	ok := true
	next := func() string {
		var part string
		var more bool
		part, rest, more = strings.Cut(rest, "/")
		ok = ok && more
		return part
	}
	s.AccessKeyID = next()
	s.scope = rest
	s.Day, s.Region, s.Service = next(), next(), next()
	s.Terminator = rest
	if !ok || strings.Contains(rest, "/") || s.AccessKeyID == "" {
		return &Error{Kind: Incomplete, Message: "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '" + credential + "'"}
	}
	return nil
}
