package events

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/events"
	"github.com/sallyport/sallyport/internal/eventpattern"
	"github.com/sallyport/sallyport/internal/store"
)

// keptStore has the events of all archives, apart from the documents that everybody follows.
const keptStore = "events-kept"

func keptPrefix(archiveID string) string { return archiveID + "/" }

func keptKey(archiveID string, at time.Time, eventID string) string {
	return fmt.Sprintf("%s%013d/%s", keptPrefix(archiveID), at.UnixMilli(), eventID)
}

func (a *archive) arn() string { return a.Place.arn("archive/" + a.Name) }

// A kept document is an event, or the blob that it lies in.
type kept struct {
	Event json.RawMessage `json:",omitempty"`
	Blob  string          `json:",omitempty"`
	Size  int
}

// keep puts an event into an archive.
func (s *Service) keep(ctx context.Context, j job, name string) error {
	a, err := s.archives.Get(ctx, j.Place.key("archive", name))
	if err != nil {
		return err
	}
	if a == nil { // gone since
		s.discard(ctx, j.Blob)
		return nil
	}
	st, err := s.cfg.Stores.Open(ctx, keptStore)
	if err != nil {
		return fmt.Errorf("open archives: %w", err)
	}
	doc := kept{Event: j.event, Blob: j.Blob, Size: len(j.event)}
	if j.Blob != "" { // the job's blob becomes the archive's
		doc.Event = nil
	}
	data, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	if _, err := store.Put(ctx, st, keptKey(a.ID, j.Ingested, j.ID), data, store.Always); err != nil {
		return fmt.Errorf("keep event: %w", err)
	}
	return nil
}

func (s *Service) createArchive(ctx context.Context, in *shapes.CreateArchiveInput) (*shapes.CreateArchiveOutput, error) {
	b := busNamed(ctx, in.EventSourceArn)
	a := &archive{Name: *in.ArchiveName, Bus: b.name, Description: value(in.Description), Pattern: value(in.EventPattern), Days: value(in.RetentionDays)}
	if err := s.makeArchive(ctx, b, a); err != nil {
		return nil, err
	}
	return &shapes.CreateArchiveOutput{ArchiveArn: new(a.arn()), State: new("ENABLED"), CreationTime: &a.Created}, nil
}

func (s *Service) makeArchive(ctx context.Context, b busRef, a *archive) error {
	if _, err := s.findBus(ctx, b); err != nil {
		return err
	}
	if a.Pattern != "" {
		if _, err := eventpattern.Parse(a.Pattern); err != nil {
			return errPattern(err)
		}
	}
	a.Place, a.ID, a.Created = placeOf(ctx), awsapi.NewRequestID(), now()
	_, err := s.archives.Edit(ctx, a.Place.key("archive", a.Name), func(old *archive) (*archive, error) {
		if old != nil && (a.Token == "" || old.Token != a.Token) {
			return nil, exists("Archive %s already exists.", a.Name)
		}
		return a, nil
	})
	return err
}

func errNoArchive(name string) error { return notFound("Archive %s does not exist.", name) }

func (s *Service) findArchive(ctx context.Context, name string) (*archive, error) {
	a, err := s.archives.Get(ctx, placeOf(ctx).key("archive", name))
	if err == nil && a == nil {
		err = errNoArchive(name)
	}
	return a, err
}

func (s *Service) describeArchive(ctx context.Context, in *shapes.DescribeArchiveInput) (*shapes.DescribeArchiveOutput, error) {
	a, err := s.findArchive(ctx, *in.ArchiveName)
	if err != nil {
		return nil, err
	}
	count, size, err := s.measure(ctx, a)
	if err != nil {
		return nil, err
	}
	return &shapes.DescribeArchiveOutput{
		ArchiveArn: new(a.arn()), ArchiveName: &a.Name, EventSourceArn: new(busRef{a.Place, a.Bus}.arn()), Description: optional(a.Description),
		EventPattern: optional(a.Pattern), State: new("ENABLED"), RetentionDays: &a.Days, EventCount: &count, SizeBytes: &size, CreationTime: &a.Created,
	}, nil
}

func (s *Service) keptEvents(ctx context.Context, archiveID string) (store.Store, []store.Doc, error) {
	st, err := s.cfg.Stores.Open(ctx, keptStore)
	if err != nil {
		return nil, nil, fmt.Errorf("open archives: %w", err)
	}
	docs, err := st.List(ctx, keptPrefix(archiveID))
	if err != nil {
		return nil, nil, fmt.Errorf("list kept events: %w", err)
	}
	return st, docs, nil
}

func (s *Service) measure(ctx context.Context, a *archive) (count, size int64, err error) {
	_, docs, err := s.keptEvents(ctx, a.ID)
	for _, d := range docs {
		var k kept
		if json.Unmarshal(d.Data, &k) == nil {
			count, size = count+1, size+int64(k.Size)
		}
	}
	return count, size, err
}

func (s *Service) listArchives(ctx context.Context, in *shapes.ListArchivesInput) (*shapes.ListArchivesOutput, error) {
	all, err := s.archives.List(ctx, placeOf(ctx).key("archive"))
	if err != nil {
		return nil, err
	}
	if in.EventSourceArn != nil {
		b := busNamed(ctx, in.EventSourceArn)
		if _, err := s.findBus(ctx, b); err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(all, func(a *archive) bool { return a.Bus != b.name })
	}
	all = slices.DeleteFunc(all, func(a *archive) bool {
		return !strings.HasPrefix(a.Name, value(in.NamePrefix)) || in.State != nil && *in.State != "ENABLED"
	})
	all, next, err := page(all, func(a *archive) string { return a.Name }, in.Limit, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListArchivesOutput{Archives: []*shapes.Archive{}, NextToken: next}
	for _, a := range all {
		count, size, err := s.measure(ctx, a)
		if err != nil {
			return nil, err
		}
		out.Archives = append(out.Archives, &shapes.Archive{
			ArchiveName: &a.Name, EventSourceArn: new(busRef{a.Place, a.Bus}.arn()), State: new("ENABLED"), RetentionDays: &a.Days,
			EventCount: &count, SizeBytes: &size, CreationTime: &a.Created,
		})
	}
	return out, nil
}

func (s *Service) updateArchive(ctx context.Context, in *shapes.UpdateArchiveInput) (*shapes.UpdateArchiveOutput, error) {
	if in.EventPattern == nil && in.RetentionDays == nil && in.Description == nil {
		return nil, invalid("At least one of EventPattern, RetentionDays or Description must be provided.")
	}
	if in.EventPattern != nil {
		if _, err := eventpattern.Parse(*in.EventPattern); err != nil {
			return nil, errPattern(err)
		}
	}
	a, err := s.archives.Edit(ctx, placeOf(ctx).key("archive", *in.ArchiveName), func(a *archive) (*archive, error) {
		if a == nil {
			return nil, errNoArchive(*in.ArchiveName)
		}
		if in.EventPattern != nil {
			a.Pattern = *in.EventPattern
		}
		if in.RetentionDays != nil {
			a.Days = *in.RetentionDays
		}
		if in.Description != nil {
			a.Description = *in.Description
		}
		return a, nil
	})
	if err != nil {
		return nil, err
	}
	return &shapes.UpdateArchiveOutput{ArchiveArn: new(a.arn()), State: new("ENABLED"), CreationTime: &a.Created}, nil
}

func (s *Service) deleteArchive(ctx context.Context, in *shapes.DeleteArchiveInput) (*shapes.DeleteArchiveOutput, error) {
	var gone *archive
	_, err := s.archives.Edit(ctx, placeOf(ctx).key("archive", *in.ArchiveName), func(a *archive) (*archive, error) {
		if a == nil {
			return nil, errNoArchive(*in.ArchiveName)
		}
		gone = a
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	return &shapes.DeleteArchiveOutput{}, s.forget(ctx, gone.ID, time.Time{})
}

// forget removes the events of an archive that are older than before; zero means all.
func (s *Service) forget(ctx context.Context, archiveID string, before time.Time) error {
	st, docs, err := s.keptEvents(ctx, archiveID)
	if err != nil {
		return err
	}
	end := keptPrefix(archiveID) + fmt.Sprintf("%013d", before.UnixMilli())
	for _, d := range docs {
		if !before.IsZero() && d.Key >= end {
			break
		}
		var k kept
		if json.Unmarshal(d.Data, &k) == nil {
			s.discard(ctx, k.Blob)
		}
		if err := store.Delete(ctx, st, d.Key, store.Always); err != nil {
			return fmt.Errorf("remove kept event: %w", err)
		}
	}
	return nil
}

// sweepArchives removes events that are older than their archive keeps them.
func (s *Service) sweepArchives(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Hour):
		}
		all, err := s.archives.List(ctx, "archive/")
		if err != nil {
			return err
		}
		for _, a := range all {
			if a.Days == 0 {
				continue
			}
			if err := s.forget(ctx, a.ID, time.Now().AddDate(0, 0, -int(a.Days))); err != nil && ctx.Err() == nil {
				s.cfg.Log.Warn("an archive could not be swept", "archive", a.arn(), "err", err)
			}
		}
	}
}

// archiveNamed reads the ARN of an archive.
func archiveNamed(text string) (place, string, bool) {
	a, err := arn.Parse(text)
	name, ok := strings.CutPrefix(a.Resource, "archive/")
	return place{a.Account, a.Region}, name, err == nil && ok
}

// eventOf returns the event of a kept document.
func (s *Service) eventOf(ctx context.Context, data []byte) ([]byte, error) {
	var k kept
	if err := json.Unmarshal(data, &k); err != nil {
		return nil, err
	}
	if k.Blob == "" {
		return k.Event, nil
	}
	event, err := s.readBlob(ctx, k.Blob)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return bytes.TrimSpace(event), err
}
