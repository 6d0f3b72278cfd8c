package server

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/telemetry"
)

// Defaults of Config.
const (
	DefaultListen  = "127.0.0.1:4566"
	DefaultRegion  = "us-east-1"
	DefaultAccount = "000000000000"
)

// A Config says how a server is to be. Data is needed; every other zero value has a sensible meaning.
type Config struct {
	// Data is the folder that holds everything that must outlive the process: the engine's files, the administrator's key, the
	// certificate authority, unpacked code.
	Data string

	// Cache is a folder for what can be fetched or built again, shared by all servers of a user. Empty means the user's cache folder.
	Cache string

	// Memory keeps everything in memory instead of the engine: nothing outlives the process, and starting takes no time. Data still holds
	// keys, certificates and code.
	Memory bool

	// Functions are those that run in this process, by name, instead of their code. Nil: none.
	Functions map[string]Function

	// Listen is the address of the one port. Empty means DefaultListen; port 0 means any.
	Listen string

	// NATS is the URL of an external NATS cluster; empty means the embedded engine in Data.
	NATS string

	Region  string // of callers that name none; empty means DefaultRegion
	Account string // empty means DefaultAccount

	// Permissive accepts any well-formed key from this machine, as the administrator's.
	Permissive bool

	// EnforceIAM evaluates policies for all calls, and not only for those to WebSocket APIs and functions.
	EnforceIAM bool

	// LaxPermissions only warns where a function's resource policy does not let API Gateway invoke it.
	LaxPermissions bool

	// LocalCode lets functions run from folders of this machine.
	LocalCode bool

	// Endpoints sends calls to services that are not here elsewhere: "aws", or a URL, by signing name.
	Endpoints map[string]string

	// BackendCA is a file of certificates, as PEM, that those of HTTP backends may come from, beside the system's.
	BackendCA string

	// VPCLinks are the addresses, host:port, that VPC links of integrations stand for, by link id.
	VPCLinks map[string]string

	// Certificates are for custom domain names; the server's own authority signs for all other names.
	Certificates []Certificate

	// ACME says where certificates of custom domain names come from that Certificates has none for; nil: nowhere.
	ACME *ACME

	// Limits are those of an account on each node; zero is no limit, gateway.AWSLimits are AWS's.
	Limits gateway.Limits

	// TrustedProxies may say by X-Forwarded-Host which name a signature was made for, and by X-Forwarded-For by whom.
	TrustedProxies []netip.Prefix

	// Observer is told of every connection and message; nil logs failures.
	Observer gateway.Observer

	// Traces says where spans go; the zero value: where OpenTelemetry's environment variables say, if they do.
	Traces telemetry.Traces

	// Now is the clock of connections; nil means time.Now. Who moves it by hand calls Server.Sweep.
	Now func() time.Time

	// Progress is told of long work that nobody asked for, such as fetching an SDK; nil logs it.
	Progress func(line string)

	Log *slog.Logger
}

// A Certificate is two files in PEM, which are read again when they change.
type Certificate struct {
	File string `yaml:"certificate"` // with the chain behind it
	Key  string `yaml:"key"`
}

// ACME is a certificate authority that is asked by itself, and whose terms of service are agreed to.
type ACME struct {
	Directory string `yaml:"directory"` // its URL; empty: Let's Encrypt
	Email     string `yaml:"email"`     // whom it writes to
	CA        string `yaml:"ca"`        // file of certificates, as PEM, that its own may come from, beside the system's
}

// A Function is code of this process.
type Function struct {
	Local  integration.Local                                       // as routes call it
	Invoke func(ctx context.Context, event []byte) ([]byte, error) // as all others call it
}

func (c *Config) setDefaults() error {
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if c.Region == "" {
		c.Region = DefaultRegion
	}
	if c.Account == "" {
		c.Account = DefaultAccount
	}
	if c.Traces.Endpoint == "" {
		c.Traces = telemetry.TracesOfEnvironment()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Progress == nil {
		c.Progress = func(line string) { c.Log.Info(line) }
	}
	if c.Cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			dir = c.Data
		}
		c.Cache = filepath.Join(dir, "sallyport")
	}
	return nil
}
