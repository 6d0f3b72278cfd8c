package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/server"
)

func newCoverage() *cobra.Command {
	return &cobra.Command{
		Use:   "coverage [SERVICE]",
		Short: "List the operations of AWS, and how far each is answered",
		Long: `Coverage lists every operation of every service that Sallyport knows: done, partly and what is missing, or refused and why. It is
made of the tables that answer the calls; no server has to run.`,
		Args: oneArg("a service"),
		RunE: func(cmd *cobra.Command, args []string) error {
			services, err := readCoverage(cmd.Context())
			if err != nil {
				return err
			}
			if len(args) > 0 {
				services = slices.DeleteFunc(services, func(s coverage) bool { return s.name != args[0] })
				if len(services) == 0 {
					return usagef("there is no service %q; `sallyport coverage` lists them", args[0])
				}
			}
			return writeCoverage(cmd.OutOrStdout(), services)
		},
	}
}

// coverage is one service.
type coverage struct {
	name       string
	operations []awsapi.Coverage
}

// readCoverage asks a server that is never run.
func readCoverage(ctx context.Context) ([]coverage, error) {
	dir, err := os.MkdirTemp("", "sallyport-coverage-")
	if err != nil {
		return nil, fmt.Errorf("make temporary folder: %w", err)
	}
	defer os.RemoveAll(dir)
	srv, err := server.New(ctx, server.Config{Data: dir, Cache: dir, Listen: "127.0.0.1:0", Memory: true})
	if err != nil {
		return nil, err
	}
	defer srv.Close()
	var all []coverage
	for service, operations := range srv.Coverage() {
		all = append(all, coverage{service, operations})
	}
	slices.SortFunc(all, func(a, b coverage) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// writeCoverage writes the page docs/coverage.md.
func writeCoverage(w io.Writer, services []coverage) error {
	var b strings.Builder
	b.WriteString("# Coverage\n\nEvery operation of every service that Sallyport knows, as `sallyport coverage` prints it. `make coverage`\nwrites this page.\n\n")
	b.WriteString("| service | done | partly | refused |\n|---|---|---|---|\n")
	for _, s := range services {
		n := map[awsapi.CoverageState]int{}
		for _, o := range s.operations {
			n[o.State]++
		}
		fmt.Fprintf(&b, "| [%s](#%s) | %d | %d | %d |\n", s.name, s.name, n[awsapi.Done], n[awsapi.Partial], n[awsapi.Refused])
	}
	for _, s := range services {
		fmt.Fprintf(&b, "\n## %s\n", s.name)
		s.write(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// write writes a paragraph for what is done, a line for each operation that lacks something, and one for each reason to refuse.
func (s coverage) write(b *strings.Builder) {
	var done []string
	partly, refused := map[string][]string{}, map[string][]string{}
	for _, o := range s.operations {
		switch o.State {
		case awsapi.Done:
			done = append(done, o.Operation)
		case awsapi.Partial:
			partly[o.Note] = append(partly[o.Note], o.Operation)
		default:
			why := strings.Replace(o.Note, " the operation "+o.Operation+" of "+s.name, " it", 1) // one reason for many
			refused[why] = append(refused[why], o.Operation)
		}
	}
	if len(done) > 0 {
		fmt.Fprintf(b, "\n**Done**: %s.\n", strings.Join(done, ", "))
	}
	for _, state := range []struct {
		name string
		by   map[string][]string
	}{{"Partly", partly}, {"Refused", refused}} {
		for _, note := range slices.Sorted(maps.Keys(state.by)) {
			fmt.Fprintf(b, "\n**%s** (%s): %s.\n", state.name, strings.TrimSuffix(note, "."), strings.Join(state.by[note], ", "))
		}
	}
}
