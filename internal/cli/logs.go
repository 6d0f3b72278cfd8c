package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newLogs() *cobra.Command {
	var opts logsOptions
	cmd := &cobra.Command{
		Use:   "logs [NAME]",
		Short: "Show the logs of functions and stages",
		Long: `Logs prints the log lines of the running server: of all log groups, or of those whose name contains NAME
(a function's name, for instance). The newest lines come last.

  sallyport logs -f Send`,
		Args: oneArg("part of a log group's name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				opts.name = args[0]
			}
			c, err := newClient()
			if err != nil {
				return err
			}
			return showLogs(cmd.Context(), c, opts, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&opts.follow, "follow", "f", false, "go on with new lines until Ctrl-C")
	f.DurationVar(&opts.since, "since", 10*time.Minute, "how far back to begin")
	f.StringVar(&opts.filter, "filter", "", "only lines that match this CloudWatch Logs filter pattern")
	return cmd
}

type logsOptions struct {
	name, filter string
	follow       bool
	since        time.Duration
}

// pollEvery is how often new lines are asked for.
const pollEvery = 500 * time.Millisecond

type logLine struct {
	EventID   string `json:"eventId"`
	Timestamp int64  `json:"timestamp"`
	Message   string `json:"message"`
}

func showLogs(ctx context.Context, c *client, opts logsOptions, out io.Writer) error {
	from := time.Now().Add(-opts.since).UnixMilli()
	seen := map[string]bool{} // ids of lines of the newest millisecond: the next request begins there
	for {
		groups, err := logGroups(ctx, c, opts.name)
		if err != nil {
			return err
		}
		if len(groups) == 0 && !opts.follow {
			if opts.name == "" {
				return errors.New("there are no logs yet")
			}
			return fmt.Errorf("no log group has %q in its name", opts.name)
		}
		newest := from
		printed := map[string]bool{}
		for _, group := range groups {
			lines, err := filterLines(ctx, c, group, opts.filter, from)
			if err != nil {
				return err
			}
			for _, l := range lines {
				id := group + l.EventID
				printed[id] = l.Timestamp >= newest
				if l.Timestamp > newest {
					newest = l.Timestamp
				}
				if !seen[id] {
					fmt.Fprintf(out, "%s %s %s\n", time.UnixMilli(l.Timestamp).Format("15:04:05.000"), shortGroup(group), strings.TrimRight(l.Message, "\n"))
				}
			}
		}
		from, seen = newest, printed
		if !opts.follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pollEvery):
		}
	}
}

// logGroups returns the names of the groups that have text in their name.
func logGroups(ctx context.Context, c *client, text string) ([]string, error) {
	var names []string
	for token := ""; ; {
		in := map[string]any{}
		if token != "" {
			in["nextToken"] = token
		}
		var page struct {
			LogGroups []struct {
				LogGroupName string `json:"logGroupName"`
			} `json:"logGroups"`
			NextToken string `json:"nextToken"`
		}
		if err := c.json(ctx, "logs", "Logs_20140328.DescribeLogGroups", in, &page); err != nil {
			return nil, err
		}
		for _, g := range page.LogGroups {
			if strings.Contains(g.LogGroupName, text) {
				names = append(names, g.LogGroupName)
			}
		}
		if token = page.NextToken; token == "" {
			return names, nil
		}
	}
}

func filterLines(ctx context.Context, c *client, group, pattern string, from int64) ([]logLine, error) {
	var lines []logLine
	for token := ""; ; {
		in := map[string]any{"logGroupName": group, "startTime": from}
		if pattern != "" {
			in["filterPattern"] = pattern
		}
		if token != "" {
			in["nextToken"] = token
		}
		var page struct {
			Events    []logLine `json:"events"`
			NextToken string    `json:"nextToken"`
		}
		if err := c.json(ctx, "logs", "Logs_20140328.FilterLogEvents", in, &page); err != nil {
			return nil, err
		}
		lines = append(lines, page.Events...)
		if token = page.NextToken; token == "" {
			return lines, nil
		}
	}
}

// shortGroup is how people call a log group: a function's by the function.
func shortGroup(group string) string { return strings.TrimPrefix(group, "/aws/lambda/") }
