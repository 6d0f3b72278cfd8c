package worker

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
)

const (
	tailSize = 4096      // AWS: X-Amz-Log-Result carries the last 4 KB
	lineMax  = 256 << 10 // a longer event is cut into several

	// frameMagic begins a log event that a bootstrap writes as a whole; four bytes of length follow. No UTF-8 text has it.
	frameMagic = "\xffLG\x01"
)

// A logStream is the log of one environment.
type logStream struct {
	sink   Sink
	ctx    context.Context // carries account and region
	group  string
	name   string
	json   bool
	system bool // whether the platform's own lines are wanted

	mu   sync.Mutex // guards what follows
	keep bool
	tail []byte
}

func newLogStream(s *Spec) *logStream {
	var id [16]byte
	rand.Read(id[:])
	return &logStream{
		sink:  s.Logs,
		ctx:   awsapi.WithCaller(context.Background(), awsapi.Caller{Account: s.Account, Region: s.Region, Service: "lambda.amazonaws.com", Admin: true}),
		group: s.logGroup(), name: time.Now().UTC().Format("2006/01/02") + "/[" + s.version() + "]" + hex.EncodeToString(id[:]),
		keep: true, // until the first request, in case that there will be none
		json: s.LogFormat == "JSON", system: s.LogFormat != "JSON" || s.SystemLevel != "WARN",
	}
}

// write appends events to the log and to the tail.
func (l *logStream) write(at time.Time, lines ...string) {
	if len(lines) == 0 {
		return
	}
	l.mu.Lock()
	if l.keep {
		for _, s := range lines {
			l.tail = append(append(l.tail, s...), '\n')
		}
		if len(l.tail) > 4*tailSize {
			l.tail = append(l.tail[:0], l.tail[len(l.tail)-tailSize:]...)
		}
	}
	l.mu.Unlock()
	if l.sink != nil {
		l.sink.Append(l.ctx, l.group, l.name, at, lines...)
	}
}

// platform writes one of Lambda's own lines.
func (l *logStream) platform(at time.Time, lines ...string) {
	if l.system {
		l.write(at, lines...)
	}
}

// keepTail begins or ends the collection of a tail, and returns what was collected.
func (l *logStream) keepTail(keep bool) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tail
	l.tail, l.keep = nil, keep
	return t[max(0, len(t)-tailSize):]
}

// iso is the time as Lambda's log lines have it.
func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// record is a platform event in the JSON log format.
func record(at time.Time, kind string, members map[string]any) string {
	b, _ := json.Marshal(map[string]any{"time": iso(at), "type": kind, "record": members})
	return string(b)
}

func (l *logStream) initStart(at time.Time, version, region string) {
	// AWS: the ARN names an image of the runtime; ours are always the same.
	arn := "arn:aws:lambda:" + region + "::runtime:" + hex.EncodeToString(make([]byte, 32))
	if l.json {
		l.platform(at, record(at, "platform.initStart", map[string]any{"initializationType": "on-demand", "phase": "init", "runtimeVersion": version, "runtimeVersionArn": arn}))
		return
	}
	l.platform(at, "INIT_START Runtime Version: "+version+"\tRuntime Version ARN: "+arn)
}

func (l *logStream) initReport(at time.Time, took time.Duration, status, errorType string) {
	if l.json {
		l.platform(at, record(at, "platform.initReport", map[string]any{
			"initializationType": "on-demand", "phase": "init", "status": status, "errorType": errorType,
			"metrics": map[string]any{"durationMs": milliseconds(took)},
		}))
		return
	}
	line := fmt.Sprintf("INIT_REPORT Init Duration: %.2f ms\tPhase: init\tStatus: %s", milliseconds(took), status)
	if errorType != "" {
		line += "\tError Type: " + errorType
	}
	l.platform(at, line)
}

func (l *logStream) start(at time.Time, id, version string) {
	if l.json {
		l.platform(at, record(at, "platform.start", map[string]any{"requestId": id, "version": version}))
		return
	}
	l.platform(at, "START RequestId: "+id+" Version: "+version)
}

// A report is what the lines END and REPORT tell of a request.
type report struct {
	id        string
	took      time.Duration
	initTook  time.Duration // zero: warm
	memoryMB  int
	usedMB    int
	traceID   string // "" unless traced
	status    string // "", "timeout" or "error"
	errorType string
}

func (l *logStream) end(at time.Time, r report) {
	ms := milliseconds(r.took)
	billed := int64(r.took+time.Millisecond-1) / int64(time.Millisecond)
	if l.json {
		m := map[string]any{"durationMs": ms, "billedDurationMs": billed, "memorySizeMB": r.memoryMB, "maxMemoryUsedMB": r.usedMB}
		if r.initTook > 0 {
			m["initDurationMs"] = milliseconds(r.initTook)
		}
		rec := map[string]any{"requestId": r.id, "metrics": m, "status": "success"}
		if r.status != "" {
			rec["status"] = r.status
		}
		if r.errorType != "" {
			rec["errorType"] = r.errorType
		}
		l.platform(at, record(at, "platform.report", rec))
		return
	}
	b := make([]byte, 0, 256)
	b = append(append(b, "REPORT RequestId: "...), r.id...)
	b = strconv.AppendFloat(append(b, "\tDuration: "...), ms, 'f', 2, 64)
	b = strconv.AppendInt(append(b, " ms\tBilled Duration: "...), billed, 10)
	b = strconv.AppendInt(append(b, " ms\tMemory Size: "...), int64(r.memoryMB), 10)
	b = strconv.AppendInt(append(b, " MB\tMax Memory Used: "...), int64(r.usedMB), 10)
	b = append(b, " MB\t"...)
	if r.initTook > 0 {
		b = strconv.AppendFloat(append(b, "Init Duration: "...), milliseconds(r.initTook), 'f', 2, 64)
		b = append(b, " ms\t"...)
	}
	if r.status != "" {
		b = append(append(b, "Status: "...), r.status...)
		if r.errorType != "" {
			b = append(append(b, "\tError Type: "...), r.errorType...)
		}
	}
	if r.traceID != "" {
		b = append(append(b, "\nXRAY TraceId: "...), r.traceID...)
		b = append(b, "\tSampled: true\t"...)
	}
	l.platform(at, "END RequestId: "+r.id, string(b))
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}

// A lineScanner cuts what a process writes into events: framed ones as they are, the rest at newlines.
type lineScanner struct{ buf []byte }

// scan takes more bytes and returns the events that are complete.
func (s *lineScanner) scan(p []byte) []string {
	s.buf = append(s.buf, p...)
	var out []string
	b := s.buf
	for len(b) > 0 {
		event, n := nextEvent(b)
		if n == 0 {
			break
		}
		if event != nil {
			out = append(out, string(event))
		}
		b = b[n:]
	}
	s.buf = append(s.buf[:0], b...)
	if cap(s.buf) > lineMax && len(s.buf) == 0 {
		s.buf = nil
	}
	return out
}

// nextEvent returns the first event of b and how many bytes it takes, or 0 if it is not complete.
func nextEvent(b []byte) (event []byte, n int) {
	if bytes.HasPrefix(b, []byte(frameMagic)) || (len(b) < len(frameMagic) && frameMagic[:len(b)] == string(b)) {
		if len(b) < 8 {
			return nil, 0
		}
		size := int(binary.BigEndian.Uint32(b[4:]))
		if size <= 16<<20 {
			if len(b) < 8+size {
				return nil, 0
			}
			return b[8 : 8+size], 8 + size
		}
	}
	end := bytes.IndexByte(b, '\n')
	frame := bytes.Index(b, []byte(frameMagic))
	switch {
	case frame > 0 && (end < 0 || frame < end):
		return b[:frame], frame // text without an end of line, before a frame
	case end >= 0 && end <= lineMax:
		return bytes.TrimSuffix(b[:end], []byte("\r")), end + 1
	case len(b) > lineMax:
		return b[:lineMax], lineMax
	}
	return nil, 0
}

// rest returns an unfinished line as an event: the process or the request has ended.
func (s *lineScanner) rest() []string {
	if len(s.buf) == 0 || bytes.HasPrefix(s.buf, []byte(frameMagic)) {
		return nil
	}
	line := string(s.buf)
	s.buf = s.buf[:0]
	return []string{line}
}
