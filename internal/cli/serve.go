package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/internal/server"
)

func newServe() *cobra.Command {
	var opts serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server alone",
		Long: `Serve runs the server: sockets, AWS APIs and functions on one port. Every call must be signed; the first start makes one
key pair and prints it. Options stand on the command line or in a YAML file (--config) under the same names, and --endpoint there is
endpoints: {SERVICE: aws or URL}. In the file alone stand

  certificates   files of certificates of custom domain names: [{certificate: FILE, key: FILE}]
  acme           get certificates of the others: {email: ME} from Let's Encrypt, {directory: URL, ca: FILE} from elsewhere
  backend-ca     file of certificate authorities of HTTP backends
  vpc-links      addresses that VPC links stand for: {ID: HOST:PORT}
  limits         of accounts: none, or aws

  sallyport serve --data /var/lib/sallyport
  sallyport deploy            # in another terminal`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := opts.readConfig(cmd); err != nil {
				return err
			}
			if err := opts.check(); err != nil {
				return err
			}
			return serve(cmd.Context(), opts, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.configFile, "config", "", "a YAML file with these options")
	f.StringVar(&opts.Data, "data", "", "folder for everything that must outlive the process (default: the user's data folder)")
	f.StringVar(&opts.Listen, "listen", server.DefaultListen, "address of the one port; port 0 means any")
	f.StringVar(&opts.NATS, "nats", "", "URL of an external NATS cluster instead of the embedded engine")
	f.StringVar(&opts.Region, "region", server.DefaultRegion, "region of callers that name none")
	f.StringVar(&opts.Account, "account", server.DefaultAccount, "account number")
	f.StringVar(&opts.Auth, "auth", "verify", "verify signatures, or be permissive to programs on this machine")
	f.StringVar(&opts.IAM, "iam", "warn", "evaluate policies of calls to other services than WebSocket APIs and functions: warn or enforce")
	f.BoolVar(&opts.LaxPermissions, "lax-permissions", false, "only warn where a function's resource policy does not let API Gateway invoke it")
	f.StringToStringVar(&opts.Endpoints, "endpoint", nil, "send calls to a service that is not here elsewhere: SERVICE=aws or SERVICE=URL (repeatable)")
	f.BoolVar(&opts.PermissiveAnywhere, "permissive-anywhere", false, "let --auth=permissive go with an address that other machines reach")
	f.StringSliceVar(&opts.TrustedProxies, "trusted-proxy", nil, "addresses of reverse proxies that may say by X-Forwarded-Host what was called: 10.0.0.0/8 (repeatable)")
	f.StringVar(&opts.LogLevel, "log-level", "info", "what the log tells: error, warn, info, or debug, which has what clients do wrong")
	f.StringVar(&opts.ReadyFile, "ready-file", "", "write endpoint and credentials to this file when the server is ready")
	return cmd
}

// serveOptions are the options of serve; the exported ones may stand in the configuration file.
type serveOptions struct {
	Data           string            `yaml:"data"`
	Listen         string            `yaml:"listen"`
	NATS           string            `yaml:"nats"`
	Region         string            `yaml:"region"`
	Account        string            `yaml:"account"`
	Auth           string            `yaml:"auth"`
	IAM            string            `yaml:"iam"`
	LaxPermissions bool              `yaml:"lax-permissions"`
	Endpoints      map[string]string `yaml:"endpoints"`
	LogLevel       string            `yaml:"log-level"`
	TrustedProxies []string          `yaml:"trusted-proxy"`

	PermissiveAnywhere bool              `yaml:"permissive-anywhere"`
	BackendCA          string            `yaml:"backend-ca"` // certificate authorities of HTTP backends, beside the system's
	VPCLinks           map[string]string `yaml:"vpc-links"`  // addresses that VPC links stand for, by link id

	Certificates []server.Certificate `yaml:"certificates"` // of custom domain names
	ACME         *server.ACME         `yaml:"acme"`         // certificates of other custom domain names; nil: none
	Limits       string               `yaml:"limits"`       // of accounts: none, or aws
	ReadyFile    string               `yaml:"ready-file"`

	configFile string
	level      slog.Level     // LogLevel
	proxies    []netip.Prefix // TrustedProxies
}

// readConfig fills in what the configuration file says and the command line does not.
func (o *serveOptions) readConfig(cmd *cobra.Command) error {
	if o.configFile == "" {
		return nil
	}
	f, err := os.Open(o.configFile)
	if err != nil {
		return fmt.Errorf("open configuration: %w", err)
	}
	defer f.Close()
	given := *o
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	if err := d.Decode(o); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read configuration %s: %s", o.configFile, unknownField.ReplaceAllString(err.Error(), "there is no option $1"))
	}
	for name, restore := range map[string]func(){
		"data": func() { o.Data = given.Data }, "listen": func() { o.Listen = given.Listen }, "nats": func() { o.NATS = given.NATS },
		"region": func() { o.Region = given.Region }, "account": func() { o.Account = given.Account }, "auth": func() { o.Auth = given.Auth },
		"iam": func() { o.IAM = given.IAM }, "lax-permissions": func() { o.LaxPermissions = given.LaxPermissions }, "endpoint": func() { o.Endpoints = given.Endpoints },
		"log-level": func() { o.LogLevel = given.LogLevel }, "trusted-proxy": func() { o.TrustedProxies = given.TrustedProxies },
		"permissive-anywhere": func() { o.PermissiveAnywhere = given.PermissiveAnywhere }, "ready-file": func() { o.ReadyFile = given.ReadyFile },
	} {
		if cmd.Flags().Changed(name) {
			restore()
		}
	}
	return nil
}

// unknownField is how package yaml tells of a name that is no option.
var unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)

// check refuses what makes no sense, reads what is text on the command line, and chooses a folder for the data if nobody did.
func (o *serveOptions) check() error {
	if o.Auth != "verify" && o.Auth != "permissive" {
		return usagef("--auth is verify or permissive, not %q", o.Auth)
	}
	if o.IAM != "warn" && o.IAM != "enforce" {
		return usagef("--iam is warn or enforce, not %q", o.IAM)
	}
	if o.Limits != "" && o.Limits != "none" && o.Limits != "aws" {
		return usagef("limits is none or aws, not %q", o.Limits)
	}
	if err := o.level.UnmarshalText([]byte(o.LogLevel)); err != nil {
		return usagef("--log-level is error, warn, info or debug, not %q", o.LogLevel)
	}
	if len(o.Account) != 12 || strings.Trim(o.Account, "0123456789") != "" {
		return usagef("--account is 12 digits, not %q", o.Account)
	}
	if _, _, err := net.SplitHostPort(o.Listen); err != nil {
		return usagef("--listen is like 127.0.0.1:4566, not %q", o.Listen)
	}
	if err := checkEndpoints(o.Endpoints); err != nil {
		return err
	}
	for id, address := range o.VPCLinks {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return usagef("vpc-links are like {%s: 10.0.0.7:80}, not %q", id, address)
		}
	}
	for _, text := range o.TrustedProxies {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return usagef("--trusted-proxy is like 10.0.0.0/8, not %q", text)
		}
		o.proxies = append(o.proxies, prefix)
	}
	if o.Auth == "permissive" && !o.PermissiveAnywhere && !isLoopback(o.Listen) {
		return usagef("--auth=permissive is for 127.0.0.1, and --listen is %s; --permissive-anywhere takes the risk", o.Listen)
	}
	if o.Data != "" {
		return nil
	}
	dir, err := dataDir()
	o.Data = filepath.Join(dir, "serve")
	return err
}

// checkEndpoints refuses services that would be sent nowhere.
func checkEndpoints(endpoints map[string]string) error {
	for service, target := range endpoints {
		u, err := url.Parse(target)
		if target != "aws" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
			return usagef("--endpoint is SERVICE=aws or SERVICE=URL, not \"%s=%s\"", service, target)
		}
	}
	return nil
}

// isLoopback reports whether only programs on this machine reach an address to listen on.
func isLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// dataDir is where data is kept if nobody says where.
func dataDir() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "sallyport"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the user's folder (set --data): %w", err)
	}
	return filepath.Join(home, ".local", "share", "sallyport"), nil
}

func serve(ctx context.Context, opts serveOptions, out, errs io.Writer) error {
	log := slog.New(tint.NewTextHandler(errs, &tint.Options{NoColor: !newTerminal(errs, false).colour, Level: opts.level}))
	var limits gateway.Limits
	if opts.Limits == "aws" {
		limits = gateway.AWSLimits
	}
	srv, err := server.New(ctx, server.Config{
		Data: opts.Data, Listen: opts.Listen, NATS: opts.NATS, Region: opts.Region, Account: opts.Account,
		Permissive: opts.Auth == "permissive", EnforceIAM: opts.IAM == "enforce", LaxPermissions: opts.LaxPermissions,
		Endpoints: opts.Endpoints, BackendCA: opts.BackendCA, VPCLinks: opts.VPCLinks, Certificates: opts.Certificates, ACME: opts.ACME, Limits: limits, TrustedProxies: opts.proxies, Log: log,
	})
	if err != nil {
		return err
	}
	r := describe(srv)
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-srv.Ready():
	}
	fmt.Fprintf(out, "sallyport serves %s\n", r.Endpoint)
	if opts.Auth == "permissive" {
		fmt.Fprintln(out, "signatures are not verified for programs on this machine")
	}
	if key, fresh := srv.Credentials(); fresh {
		fmt.Fprintf(out, "\nthe administrator's key, shown this once (it is kept in %s):\n  AWS_ACCESS_KEY_ID=%s\n  AWS_SECRET_ACCESS_KEY=%s\n\n", srv.CredentialsFile(), key.AccessKeyID, key.Secret)
	}
	if opts.ReadyFile != "" {
		if err := r.write(opts.ReadyFile); err != nil {
			return err
		}
	}
	if err := r.announce(); err != nil {
		log.Warn("other commands will not find this server by themselves", "err", err)
	}
	defer r.forget()
	err = <-ended
	fmt.Fprintln(out, "stopped")
	return err
}

// describe is what a server tells of itself before anything is deployed.
func describe(srv *server.Server) *ready {
	key, _ := srv.Credentials()
	return &ready{
		Endpoint: srv.Endpoint(), Region: srv.Region(), AccountID: srv.Account(), CAFile: srv.CAFile(), PID: os.Getpid(),
		Credentials: credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.Secret},
		APIs:        []readyAPI{}, Outputs: map[string]string{},
	}
}
