package logs

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/store"
)

// storeName is the store of the documents, as JSON:
//
//	group/{account}/{region}/{name}              group
//	stream/{group id}/{name}                     stream
//	head/{group id}/{stream id}                  head: where the events of a stream are
//	page/{group id}/{stream id}/{page}           older chunks of the head
//	chunk/{group id}/{stream id}/{chunk}[.piece] chunk: events
//	subscribe/{account}/{region}/{name}          subscriptions of a group
//	policy/{account}/{region}/{name}             resourcePolicy
//	deleting/{group id}[/{stream id}]            what a deleted group or stream left to be removed
//
// Ids are drawn anew for each group and stream, so that one that is made again under the same name has nothing of the old.
const storeName = "logs"

const (
	groupsPrefix   = "group/"
	deletingPrefix = "deleting/"
)

// A place is the account and region that a group lives in.
type place struct {
	Account, Region string
}

func placeOf(ctx context.Context) place {
	c := awsapi.CallerOf(ctx)
	return place{Account: c.Account, Region: c.Region}
}

func (p place) groupKey(name string) string {
	return groupsPrefix + p.Account + "/" + p.Region + "/" + name
}

func streamKey(groupID, name string) string { return "stream/" + groupID + "/" + name }

// A group is a log group.
type group struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Created   int64             `json:"created"` // milliseconds, as all times of this package
	Retention int               `json:"retentionInDays,omitempty"`
	Tags      map[string]string `json:"tags,omitempty"`
	KMSKeyID  string            `json:"kmsKeyId,omitempty"`
	Class     string            `json:"class,omitempty"`
	Protected bool              `json:"deletionProtectionEnabled,omitempty"`
	Token     string            `json:"token,omitempty"` // of the CloudFormation step that made it
}

// expired is the time before which the group's events are gone.
func (g *group) expired(now int64) int64 {
	const day = 24 * 60 * 60 * 1000
	if g.Retention == 0 {
		return 0
	}
	return now - int64(g.Retention)*day
}

// A stream is a log stream; what is in it is in its head.
type stream struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Created  int64  `json:"created"`
	First    int64  `json:"first,omitempty"`
	Last     int64  `json:"last,omitempty"`
	Ingested int64  `json:"ingested,omitempty"`
	Bytes    int64  `json:"bytes,omitempty"`
}

// A head says where the events of a stream are.
type head struct {
	Next   int64  `json:"next"` // number of the next chunk
	Chunks []ref  `json:"chunks,omitempty"`
	Pages  []page `json:"pages,omitempty"`
}

// A ref is a chunk as its head knows it.
type ref struct {
	Chunk  int64 `json:"c"`
	First  int64 `json:"f"`
	Last   int64 `json:"l"`
	Events int   `json:"n"`
	Bytes  int   `json:"b"`           // encoded
	Pieces int   `json:"p,omitempty"` // documents, if more than one
}

// A page holds refs that no longer fit the head.
type page struct {
	Page  int64 `json:"p"`
	First int64 `json:"f"`
	Last  int64 `json:"l"`
	Bytes int64 `json:"b"`
}

// maxRefs is how many refs a head holds before they go to a page: a head is written with every flush.
const maxRefs = 500

func headKey(groupID, streamID string) string { return "head/" + groupID + "/" + streamID }
func pageKey(groupID, streamID string, page int64) string {
	return "page/" + groupID + "/" + streamID + "/" + strconv.FormatInt(page, 10)
}

// chunkKeys are the keys of a chunk's documents.
func chunkKeys(groupID, streamID string, r ref) []string {
	key := "chunk/" + groupID + "/" + streamID + "/" + strconv.FormatInt(r.Chunk, 10)
	keys := []string{key}
	for piece := 1; piece < r.Pieces; piece++ {
		keys = append(keys, key+"."+strconv.Itoa(piece))
	}
	return keys
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (s *Service) open(ctx context.Context) (store.Store, error) { return s.docs.Open(ctx) }

// read decodes the document of a key into v and returns its revision; zero means that there is none.
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

// readGroup returns a group, or AWS's error that there is none.
func (s *Service) readGroup(ctx context.Context, docs store.Store, name string) (*group, uint64, error) {
	if err := checkName(name); err != nil {
		return nil, 0, err
	}
	g := new(group)
	rev, err := read(ctx, docs, placeOf(ctx).groupKey(name), g)
	if err == nil && rev == 0 {
		err = errNoGroup()
	}
	return g, rev, err
}

// readStream returns a stream, or AWS's error that there is none.
func readStream(ctx context.Context, docs store.Store, g *group, name string) (*stream, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	st := new(stream)
	rev, err := read(ctx, docs, streamKey(g.ID, name), st)
	if err == nil && rev == 0 {
		err = errNoStream()
	}
	return st, err
}

// listStreams returns the streams of a group whose names begin with prefix, by name.
func listStreams(ctx context.Context, docs store.Store, g *group, prefix string) ([]*stream, error) {
	found, err := docs.List(ctx, streamKey(g.ID, prefix))
	if err != nil {
		return nil, fmt.Errorf("list streams of %s: %w", g.Name, err)
	}
	streams := make([]*stream, len(found))
	for i, doc := range found {
		streams[i] = new(stream)
		if err := json.Unmarshal(doc.Data, streams[i]); err != nil {
			return nil, fmt.Errorf("decode %s: %w", doc.Key, err)
		}
	}
	return streams, nil
}

// encode makes a document. HTML is not escaped: lines are full of angle brackets.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
