package apigatewayv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigatewayv2"
	"github.com/sallyport/sallyport/internal/store"
)

// A vpcLink is stored and told, and has no effect: WebSocket APIs use the links of the first API, and all networks are
// one here. Its document is {account}/{region}/vpclink/{id}.
type vpcLink struct {
	ID             string            `json:"vpcLinkId"`
	Name           string            `json:"name"`
	Subnets        []string          `json:"subnetIds"`
	SecurityGroups []string          `json:"securityGroupIds"`
	Tags           map[string]string `json:"tags,omitempty"`
	Created        time.Time         `json:"created"`
}

func vpcLinkKey(p apigateway.Place, id string) string {
	return p.Account + "/" + p.Region + "/vpclink/" + id
}

func showVPCLink(l *vpcLink) *shapes.VpcLink {
	return &shapes.VpcLink{
		CreatedDate:          second(l.Created),
		Name:                 &l.Name,
		SecurityGroupIds:     append([]string{}, l.SecurityGroups...),
		SubnetIds:            append([]string{}, l.Subnets...),
		Tags:                 whole(l.Tags),
		VpcLinkId:            &l.ID,
		VpcLinkStatus:        new("AVAILABLE"),
		VpcLinkStatusMessage: new("VPC link is ready to route traffic"),
		VpcLinkVersion:       new("V2"),
	}
}

func (s *Service) createVPCLink(ctx context.Context, in *shapes.CreateVpcLinkInput) (*shapes.CreateVpcLinkOutput, error) {
	if err := apigateway.CheckTags(in.Tags); err != nil {
		return nil, err
	}
	l := &vpcLink{ID: apigateway.NewID(), Name: *in.Name, Subnets: in.SubnetIds, SecurityGroups: in.SecurityGroupIds, Tags: in.Tags, Created: s.clock()}
	if err := s.writeVPCLink(ctx, l, store.Absent); err != nil {
		return nil, err
	}
	return (*shapes.CreateVpcLinkOutput)(showVPCLink(l)), nil
}

func (s *Service) writeVPCLink(ctx context.Context, l *vpcLink, when store.Condition) error {
	docs, err := s.open(ctx)
	if err != nil {
		return err
	}
	data, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encode VPC link: %w", err)
	}
	if _, err := store.Put(ctx, docs, vpcLinkKey(placeOf(ctx), l.ID), data, when); err != nil {
		return fmt.Errorf("write VPC link %s: %w", l.ID, err)
	}
	return nil
}

// vpcLink returns a link and its revision.
func (s *Service) vpcLink(ctx context.Context, id string) (*vpcLink, uint64, error) {
	docs, err := s.open(ctx)
	if err != nil {
		return nil, 0, err
	}
	doc, err := docs.Get(ctx, vpcLinkKey(placeOf(ctx), id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, apigateway.NotFound("VpcLink not found")
	} else if err != nil {
		return nil, 0, fmt.Errorf("read VPC link %s: %w", id, err)
	}
	l := new(vpcLink)
	if err := json.Unmarshal(doc.Data, l); err != nil {
		return nil, 0, fmt.Errorf("decode VPC link %s: %w", id, err)
	}
	return l, doc.Rev, nil
}

func (s *Service) getVPCLink(ctx context.Context, in *shapes.GetVpcLinkInput) (*shapes.GetVpcLinkOutput, error) {
	l, _, err := s.vpcLink(ctx, *in.VpcLinkId)
	if err != nil {
		return nil, err
	}
	return (*shapes.GetVpcLinkOutput)(showVPCLink(l)), nil
}

func (s *Service) getVPCLinks(ctx context.Context, in *shapes.GetVpcLinksInput) (*shapes.GetVpcLinksOutput, error) {
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	found, err := docs.List(ctx, vpcLinkKey(placeOf(ctx), ""))
	if err != nil {
		return nil, fmt.Errorf("list VPC links: %w", err)
	}
	links := make([]*vpcLink, len(found))
	for i, doc := range found {
		links[i] = new(vpcLink)
		if err := json.Unmarshal(doc.Data, links[i]); err != nil {
			return nil, fmt.Errorf("decode %s: %w", doc.Key, err)
		}
	}
	slices.SortStableFunc(links, func(a, b *vpcLink) int { return a.Created.Compare(b.Created) })
	items, next, err := list(links, func(l *vpcLink) (time.Time, string) { return l.Created, l.ID }, showVPCLink, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &shapes.GetVpcLinksOutput{Items: items, NextToken: next}, nil
}

func (s *Service) updateVPCLink(ctx context.Context, in *shapes.UpdateVpcLinkInput) (*shapes.UpdateVpcLinkOutput, error) {
	var out *shapes.VpcLink
	err := s.changeVPCLink(ctx, *in.VpcLinkId, func(l *vpcLink) error {
		set(&l.Name, in.Name)
		out = showVPCLink(l)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return (*shapes.UpdateVpcLinkOutput)(out), nil
}

// changeVPCLink lets f change a link. When somebody else was faster it begins again.
func (s *Service) changeVPCLink(ctx context.Context, id string, f func(*vpcLink) error) error {
	for {
		l, rev, err := s.vpcLink(ctx, id)
		if err != nil {
			return err
		}
		if err := f(l); err != nil {
			return err
		}
		if err := s.writeVPCLink(ctx, l, store.AtRev(rev)); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

func (s *Service) deleteVPCLink(ctx context.Context, in *shapes.DeleteVpcLinkInput) (*shapes.DeleteVpcLinkOutput, error) {
	l, _, err := s.vpcLink(ctx, *in.VpcLinkId)
	if err != nil {
		return nil, err
	}
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	if err := store.Delete(ctx, docs, vpcLinkKey(placeOf(ctx), l.ID), store.Always); err != nil {
		return nil, fmt.Errorf("delete VPC link %s: %w", l.ID, err)
	}
	return &shapes.DeleteVpcLinkOutput{}, nil
}
