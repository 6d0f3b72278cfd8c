package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/internal/edge"
)

const defaultRegion = "us-east-1"

func newEnv() *cobra.Command {
	var newKey bool
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Print `export` lines that point AWS's tools at the running server",
		Long: `Env prints what the AWS CLI, the SDKs and Terraform need to talk to the running server:

  eval "$(sallyport env)"
  aws apigatewayv2 get-apis

Version 1 of the AWS CLI looks for SQS at AWS all the same: aws sqs list-queues --endpoint-url "$AWS_ENDPOINT_URL".

With --new-key the server first makes a new key for the administrator. The old one, and the sessions made with it, end at once.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := current()
			if err != nil {
				return err
			}
			if newKey {
				if err := r.rotate(cmd.Context()); err != nil {
					return err
				}
			}
			for _, v := range [][2]string{
				{"AWS_ENDPOINT_URL", r.Endpoint},
				{"AWS_REGION", r.Region},
				{"AWS_DEFAULT_REGION", r.Region},
				{"AWS_ACCESS_KEY_ID", r.Credentials.AccessKeyID},
				{"AWS_SECRET_ACCESS_KEY", r.Credentials.SecretAccessKey},
				{"AWS_CA_BUNDLE", r.CAFile},
			} {
				fmt.Fprintf(cmd.OutOrStdout(), "export %s=%s\n", v[0], shellQuote(v[1]))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&newKey, "new-key", false, "replace the administrator's key first")
	return cmd
}

// rotate replaces the administrator's key on the server, and in what other commands find.
func (r *ready) rotate(ctx context.Context) error {
	data, err := clientOf(r).do(ctx, "execute-api", http.MethodPost, edge.OwnPrefix+"admin-key", nil, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &r.Credentials); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return r.announce()
}

// shellQuote quotes what a shell would take apart.
func shellQuote(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
