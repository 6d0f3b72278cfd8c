package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const defaultRegion = "us-east-1"

func newEnv() *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print `export` lines that point AWS's tools at the running server",
		Long: `Env prints what the AWS CLI, the SDKs and Terraform need to talk to the running server:

  eval "$(sallyport env)"
  aws apigatewayv2 get-apis`,
		Args: maxArgs(0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := current()
			if err != nil {
				return err
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
}

// shellQuote quotes what a shell would take apart.
func shellQuote(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
