package cli

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/internal/edge"
)

func newStatus() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what is deployed and connected",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient()
			if err != nil {
				return err
			}
			s, err := readStatus(cmd.Context(), c)
			if err != nil {
				return err
			}
			if asJSON {
				fmt.Fprintln(cmd.OutOrStdout(), compactJSON(s))
				return nil
			}
			return s.print(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

type status struct {
	Endpoint    string        `json:"endpoint"`
	Region      string        `json:"region"`
	Connections *int          `json:"connections,omitempty"`
	Stacks      []statusStack `json:"stacks"`
	APIs        []statusAPI   `json:"apis"`
}

type statusStack struct {
	Name   string `json:"name"`
	Status string `json:"status"`
}

type statusAPI struct {
	APIID  string   `json:"apiId"`
	Name   string   `json:"name"`
	Stages []string `json:"stages"`
}

// readStatus asks the services for what there is.
func readStatus(ctx context.Context, c *client) (*status, error) {
	s := &status{Endpoint: c.endpoint, Region: c.region}
	stacks, err := listStacks(ctx, c)
	if err != nil {
		return nil, err
	}
	s.Stacks = stacks
	apis, err := listAPIs(ctx, c)
	if err != nil {
		return nil, err
	}
	s.APIs = apis
	var health struct {
		Connections *int `json:"connections"`
	}
	if c.get(ctx, "execute-api", edge.OwnPrefix+"status", &health) == nil { // not so on AWS, or on another emulator
		s.Connections = health.Connections
	}
	return s, nil
}

func listStacks(ctx context.Context, c *client) ([]statusStack, error) {
	var all []statusStack
	for form := (url.Values{}); ; {
		var page struct {
			Result struct {
				Stacks []struct {
					StackName   string `xml:"StackName"`
					StackStatus string `xml:"StackStatus"`
				} `xml:"Stacks>member"`
				NextToken string `xml:"NextToken"`
			} `xml:"DescribeStacksResult"`
		}
		if err := c.cloudformation(ctx, "DescribeStacks", form, &page); err != nil {
			return nil, err
		}
		for _, st := range page.Result.Stacks {
			all = append(all, statusStack{st.StackName, st.StackStatus})
		}
		if page.Result.NextToken == "" {
			return all, nil
		}
		form = url.Values{"NextToken": {page.Result.NextToken}}
	}
}

func listAPIs(ctx context.Context, c *client) ([]statusAPI, error) {
	var all []statusAPI
	for target := "/v2/apis"; ; {
		var page struct {
			Items []struct {
				APIID string `json:"apiId"`
				Name  string `json:"name"`
			} `json:"items"`
			NextToken string `json:"nextToken"`
		}
		if err := c.get(ctx, "apigateway", target, &page); err != nil {
			return nil, err
		}
		for _, a := range page.Items {
			var stages struct {
				Items []struct {
					StageName string `json:"stageName"`
				} `json:"items"`
			}
			if err := c.get(ctx, "apigateway", "/v2/apis/"+a.APIID+"/stages", &stages); err != nil {
				return nil, err
			}
			api := statusAPI{APIID: a.APIID, Name: a.Name}
			for _, st := range stages.Items {
				api.Stages = append(api.Stages, st.StageName)
			}
			all = append(all, api)
		}
		if page.NextToken == "" {
			return all, nil
		}
		target = "/v2/apis?nextToken=" + url.QueryEscape(page.NextToken)
	}
}

func (s *status) print(w io.Writer) error {
	fmt.Fprintf(w, "server       %s (%s)\n", s.Endpoint, s.Region)
	if s.Connections != nil {
		fmt.Fprintf(w, "connections  %d\n", *s.Connections)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(s.Stacks) > 0 {
		fmt.Fprintln(t, "\nSTACK\tSTATUS")
		for _, st := range s.Stacks {
			fmt.Fprintf(t, "%s\t%s\n", st.Name, st.Status)
		}
	}
	if len(s.APIs) > 0 {
		fmt.Fprintln(t, "\nAPI\tID\tSTAGES")
		for _, a := range s.APIs {
			for _, st := range a.Stages {
				fmt.Fprintf(t, "%s\t%s\t%s\n", a.Name, a.APIID, st)
			}
			if len(a.Stages) == 0 {
				fmt.Fprintf(t, "%s\t%s\t-\n", a.Name, a.APIID)
			}
		}
	}
	if len(s.Stacks)+len(s.APIs) == 0 {
		fmt.Fprintln(t, "nothing is deployed yet: `sallyport deploy` deploys the app in this folder")
	}
	return t.Flush()
}
