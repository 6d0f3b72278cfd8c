package cli

import (
	"context"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"
)

func newDelete() *cobra.Command {
	return &cobra.Command{
		Use:   "delete STACK",
		Short: "Remove a stack from the running server",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("`%s` takes the name of one stack; `sallyport status` lists them", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient()
			if err != nil {
				return err
			}
			return deleteStack(cmd.Context(), c, args[0], newTerminal(cmd.OutOrStdout(), false))
		},
	}
}

func deleteStack(ctx context.Context, c *client, name string, term *terminal) error {
	st, err := describeStack(ctx, c, name)
	if isMessage(err, "does not exist") {
		return fmt.Errorf("there is no stack %q; `sallyport status` lists them", name)
	} else if err != nil {
		return err
	}
	before, err := newestEvent(ctx, c, st.StackID)
	if err != nil {
		return err
	}
	if err := c.cloudformation(ctx, "DeleteStack", url.Values{"StackName": {name}}, nil); err != nil {
		return err
	}
	st, err = followStack(ctx, c, st.StackID, before, term)
	if err != nil {
		return err
	}
	if st.Status != "DELETE_COMPLETE" {
		return st.failed(name)
	}
	term.println(term.done() + " " + name + " is gone")
	return nil
}
