package states

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/service/states/asl"
	"github.com/sallyport/sallyport/internal/service/states/machine"
	"github.com/sallyport/sallyport/internal/store"
)

// The stores, of JSON documents. "states" has what is configured:
//
//	machine/{account}/{region}/{name}           stateMachine
//	version/{account}/{region}/{name}/{number}  version; the number has leading zeros
//	alias/{account}/{region}/{name}/{alias}     alias
//	activity/{account}/{region}/{name}          activity
//	definition/{sha256}                         the text of a definition, compressed
//
// "executions" has what runs:
//
//	x/{account}/{region}/{machine}/{name}            execution, and its events (tail.go)
//	h/{account}/{region}/{machine}/{name}/{chunk}    events that no longer fit the execution's document, with those of its children
//	c/{account}/{region}/{machine}/{name}/{id}.{n}   children of a map run that is over
//	p/{account}/{region}/{machine}/{name}/{id}/{n}   parts of a document that is too large for one
const (
	configStore    = "states"
	executionStore = "executions"
)

// A place is the account and region that things live in.
type place struct{ Account, Region string }

func placeOf(ctx context.Context) place {
	c := awsapi.CallerOf(ctx)
	return place{c.Account, c.Region}
}

func (p place) String() string { return p.Account + "/" + p.Region }

func (p place) arn(kind, name string) string {
	return "arn:aws:states:" + p.Region + ":" + p.Account + ":" + kind + ":" + name
}

// A stateMachine is a state machine as it is now.
type stateMachine struct {
	Name        string            `json:"name"`
	Type        string            `json:"type"`
	Definition  string            `json:"definition"` // its hash
	Role        string            `json:"role"`
	Created     int64             `json:"created"` // milliseconds
	Updated     int64             `json:"updated,omitempty"`
	Revision    string            `json:"revision,omitempty"` // empty until the first update, as AWS's
	Logging     *logging          `json:"logging,omitempty"`
	Tracing     bool              `json:"tracing,omitempty"`
	Encryption  *encryption       `json:"encryption,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	NextVersion int               `json:"nextVersion,omitempty"`
	LastVersion string            `json:"lastVersion,omitempty"` // revision that was published last
	Token       string            `json:"token,omitempty"`       // of the CloudFormation step that made it
}

// A version is a state machine as it was published.
type version struct {
	Number      int    `json:"number"`
	Description string `json:"description,omitempty"`
	Published   int64  `json:"published"`
	Revision    string `json:"revision,omitempty"`
	stateMachine
}

// An alias leads to one version or two.
type alias struct {
	Name        string  `json:"name"`
	Description string  `json:"description,omitempty"`
	Routes      []route `json:"routes"`
	Created     int64   `json:"created"`
	Updated     int64   `json:"updated"`
	Token       string  `json:"token,omitempty"`
}

type route struct {
	Version string `json:"version"` // ARN
	Weight  int64  `json:"weight"`
}

// An execution is the document of one execution.
type execution struct {
	machine.Execution
	Definition string   `json:"definition"`
	Express    bool     `json:"express,omitempty"`
	Version    string   `json:"version,omitempty"` // ARNs
	Alias      string   `json:"alias,omitempty"`
	Parent     *parent  `json:"parent,omitempty"`
	Trace      string   `json:"trace,omitempty"`
	By         string   `json:"by,omitempty"` // the request that started it, if that may come again
	Logging    *logging `json:"logging,omitempty"`
	Chunks     []chunk  `json:"chunks,omitempty"`

	tail  []byte // events that were written before, encoded
	key   string // as it is kept
	rev   uint64
	parts string // where the document's parts are, if it has any

	logged []logged // for the log group, when the document is written
}

// A logged is an event and the execution or child execution that it is of.
type logged struct {
	arn string
	machine.Event
}

// A parent is the thread of another execution that waits for this one.
type parent struct {
	Key    string `json:"k"`
	Thread int    `json:"t"`
}

// A chunk is a document of events: of the execution's own from First to Last, and of its children what happened meanwhile.
type chunk struct {
	First int64  `json:"f"`
	Last  int64  `json:"l"`
	ID    string `json:"i"`
	At    int64  `json:"at,omitempty"` // when it was written
}

const (
	maxTail  = 48 << 10 // bytes of events within the execution's document
	maxPlain = 64 << 10 // bytes of a document above which it is compressed
)

func executionKey(p place, machine, name string) string {
	return p.String() + "/" + machine + "/" + name
}

// placeOfKey reads where an execution lives from its key.
func placeOfKey(key string) place {
	account, rest, _ := strings.Cut(key, "/")
	region, _, _ := strings.Cut(rest, "/")
	return place{account, region}
}

func (s *Service) config(ctx context.Context) (store.Store, error) {
	return s.open(ctx, configStore)
}

func (s *Service) executions(ctx context.Context) (store.Store, error) {
	return s.open(ctx, executionStore)
}

// open keeps the stores that it opened.
func (s *Service) open(ctx context.Context, name string) (store.Store, error) {
	s.mu.Lock()
	st := s.stores[name]
	s.mu.Unlock()
	if st != nil {
		return st, nil
	}
	st, err := s.cfg.Stores.Open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stores[name] = st
	return st, nil
}

// read decodes a document into v; rev zero means that there is none.
func read(ctx context.Context, docs store.Store, key string, v any) (rev uint64, err error) {
	doc, err := docs.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	} else if err != nil {
		return 0, fmt.Errorf("read %s: %w", key, err)
	}
	if err := json.Unmarshal(doc.Data, v); err != nil {
		return 0, fmt.Errorf("decode %s: %w", key, err)
	}
	return doc.Rev, nil
}

// write replaces a document.
func write(ctx context.Context, docs store.Store, key string, v any, when store.Condition) (uint64, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return 0, fmt.Errorf("encode %s: %w", key, err)
	}
	rev, err := store.Put(ctx, docs, key, data, when)
	if err != nil {
		return 0, fmt.Errorf("write %s: %w", key, err)
	}
	return rev, nil
}

// keepDefinition stores the text of a definition and returns its hash.
func (s *Service) keepDefinition(ctx context.Context, text string) (string, error) {
	sum := sha256.Sum256([]byte(text))
	hash := hex.EncodeToString(sum[:])
	docs, err := s.config(ctx)
	if err != nil {
		return "", err
	}
	if _, err := docs.Get(ctx, "definition/"+hash); err == nil {
		return hash, nil
	}
	if _, err := store.Put(ctx, docs, "definition/"+hash, compress([]byte(text)), store.Always); err != nil {
		return "", fmt.Errorf("write definition: %w", err)
	}
	return hash, nil
}

// definitionText returns a definition as it was given.
func (s *Service) definitionText(ctx context.Context, hash string) (string, error) {
	docs, err := s.config(ctx)
	if err != nil {
		return "", err
	}
	doc, err := docs.Get(ctx, "definition/"+hash)
	if err != nil {
		return "", fmt.Errorf("read definition %s: %w", hash, err)
	}
	text, err := decompress(doc.Data)
	return string(text), err
}

// definition returns a parsed definition, which is never changed.
func (s *Service) definition(ctx context.Context, hash string) (*asl.Definition, error) {
	s.mu.Lock()
	d := s.parsed[hash]
	s.mu.Unlock()
	if d != nil {
		return d, nil
	}
	text, err := s.definitionText(ctx, hash)
	if err != nil {
		return nil, err
	}
	d, diagnostics := asl.Parse([]byte(text), asl.Options{Extensions: true})
	if d == nil {
		return nil, fmt.Errorf("parse definition %s: %v", hash, diagnostics)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.parsed) >= maxParsed {
		clear(s.parsed)
	}
	s.parsed[hash] = d
	return d, nil
}

// maxParsed is how many parsed definitions are kept.
const maxParsed = 512

func compress(data []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed) // the level is valid
	_, _ = w.Write(data)                            // a buffer takes all
	_ = w.Close()
	return b.Bytes()
}

func decompress(data []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("decompress document: %w", err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("decompress document: %w", err)
	}
	return out, nil
}

// partsHead stands in place of a document that is too large: its bytes are in parts.
type partsHead struct {
	Parts string `json:"parts"` // id
	Count int    `json:"count"`
}

const maxPart = store.MaxDoc - 1<<10

// load reads an execution; it is nil if there is none.
func (s *Service) load(ctx context.Context, key string) (*execution, error) {
	docs, err := s.executions(ctx)
	if err != nil {
		return nil, err
	}
	for {
		doc, err := docs.Get(ctx, "x/"+key)
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		} else if err != nil {
			return nil, fmt.Errorf("read execution %s: %w", key, err)
		}
		x, err := s.decodeExecution(ctx, docs, key, doc)
		if errors.Is(err, store.ErrNotFound) { // its parts were replaced meanwhile
			continue
		}
		return x, err
	}
}

func (s *Service) decodeExecution(ctx context.Context, docs store.Store, key string, doc store.Doc) (*execution, error) {
	data, x := doc.Data, &execution{key: key, rev: doc.Rev}
	if bytes.HasPrefix(data, []byte(`{"parts":`)) {
		var head partsHead
		if err := json.Unmarshal(data, &head); err != nil {
			return nil, fmt.Errorf("decode execution %s: %w", key, err)
		}
		data = nil
		for n := range head.Count {
			part, err := docs.Get(ctx, partKey(key, head.Parts, n))
			if err != nil {
				return nil, fmt.Errorf("read part of execution %s: %w", key, err)
			}
			data = append(data, part.Data...)
		}
		x.parts = head.Parts + "/" + strconv.Itoa(head.Count)
	}
	if len(data) > 0 && data[0] != '{' {
		var err error
		if data, err = decompress(data); err != nil {
			return nil, err
		}
	}
	head, tail := splitTail(data)
	if err := json.Unmarshal(head, x); err != nil {
		return nil, fmt.Errorf("decode execution %s: %w", key, err)
	}
	x.tail = tail[:len(tail):len(tail)]
	return x, nil
}

func partKey(key, id string, n int) string { return "p/" + key + "/" + id + "/" + strconv.Itoa(n) }

// save writes an execution if nobody else did since it was read; else it returns store.ErrConflict.
func (s *Service) save(ctx context.Context, x *execution) error {
	docs, err := s.executions(ctx)
	if err != nil {
		return err
	}
	if err := s.spill(ctx, docs, x); err != nil {
		return err
	}
	if err := s.keepChildren(ctx, docs, x); err != nil {
		return err
	}
	if err := s.listRuns(ctx, docs, x); err != nil {
		return err
	}
	data, err := x.encode()
	if err != nil {
		return err
	}
	if len(data) > maxPlain {
		data = compress(data)
	}
	before := x.parts
	x.parts = ""
	if len(data) > maxPart {
		if data, err = s.split(ctx, docs, x, data); err != nil {
			return err
		}
	}
	rev, err := store.Put(ctx, docs, "x/"+x.key, data, store.AtRev(x.rev))
	if err != nil {
		return fmt.Errorf("write execution %s: %w", x.key, err)
	}
	x.rev = rev
	s.dropParts(ctx, docs, x.key, before)
	return nil
}

func chunkKey(key string, c chunk, n int) string {
	return fmt.Sprintf("h/%s/%08d-%s.%d", key, c.First, c.ID, n)
}

// readChunk returns the events of a chunk.
func (s *Service) readChunk(ctx context.Context, key string, c chunk) ([]machine.Event, error) {
	docs, err := s.executions(ctx)
	if err != nil {
		return nil, err
	}
	var data []byte
	for n := 0; ; n++ {
		doc, err := docs.Get(ctx, chunkKey(key, c, n))
		if errors.Is(err, store.ErrNotFound) && n > 0 {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read events of %s: %w", key, err)
		}
		data = append(data, doc.Data...)
		if len(doc.Data) < maxPart {
			break
		}
	}
	if data, err = decompress(data); err != nil {
		return nil, err
	}
	return decodeEvents(data)
}

// split writes the parts of a document and returns what stands in its place.
func (s *Service) split(ctx context.Context, docs store.Store, x *execution, data []byte) ([]byte, error) {
	head := partsHead{Parts: newID()}
	for ; len(data) > 0; head.Count++ {
		part := data[:min(len(data), maxPart)]
		data = data[len(part):]
		if _, err := store.Put(ctx, docs, partKey(x.key, head.Parts, head.Count), part, store.Always); err != nil {
			return nil, fmt.Errorf("write part of execution %s: %w", x.key, err)
		}
	}
	x.parts = head.Parts + "/" + strconv.Itoa(head.Count)
	return json.Marshal(head)
}

// dropParts removes the parts of a document that was replaced. What it cannot remove stays, and harms nobody.
func (s *Service) dropParts(ctx context.Context, docs store.Store, key, parts string) {
	id, count, ok := strings.Cut(parts, "/")
	n, err := strconv.Atoi(count)
	if !ok || err != nil {
		return
	}
	for i := range n {
		_ = store.Delete(ctx, docs, partKey(key, id, i), store.Always)
	}
}
