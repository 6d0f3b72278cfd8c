package apigateway

import (
	"crypto/x509"
	"net/netip"
	"regexp"
	"strings"
	"time"
)

// A Domain is a custom domain name with its API mappings: one document, so that the data plane never sees half of a change.
type Domain struct {
	Place
	Name           string                `json:"domainName"`
	Configurations []DomainConfiguration `json:"domainNameConfigurations"`
	RoutingMode    string                `json:"routingMode"`
	Tags           map[string]string     `json:"tags,omitempty"`
	Mappings       []Mapping             `json:"apiMappings,omitempty"` // in order of creation
	MutualTLS      *MutualTLS            `json:"mutualTlsAuthentication,omitempty"`
	Token          string                `json:"token,omitempty"` // of the CloudFormation step that made it
	Created        time.Time             `json:"created"`
}

// A MutualTLS says which clients may connect to a domain: those with a certificate of these authorities. AWS documents it for other kinds
// of APIs only; here a domain that has it honours it.
type MutualTLS struct {
	TruststoreURI     string `json:"truststoreUri"`
	TruststoreVersion string `json:"truststoreVersion,omitempty"`
	Truststore        []byte `json:"truststore"` // the authorities, as PEM, as they were when the domain was configured
}

// NewMutualTLS checks what a truststore holds.
func NewMutualTLS(uri, version string, data []byte) (*MutualTLS, error) {
	m := &MutualTLS{TruststoreURI: uri, TruststoreVersion: version, Truststore: data}
	if len(data) > maxTruststore {
		return nil, BadRequest("The truststore %s has more than %d bytes", uri, maxTruststore)
	}
	if m.Pool() == nil {
		return nil, BadRequest("The truststore %s has no certificate authority in PEM", uri)
	}
	return m, nil
}

// maxTruststore is the largest truststore. AWS: 1,000 certificates of up to 32 KB; here all are kept with the domain.
const maxTruststore = 512 << 10

// Pool returns the authorities, nil if there are none.
func (m *MutualTLS) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(m.Truststore) {
		return nil
	}
	return pool
}

// A DomainConfiguration is where a domain is reached, and with which certificate. Here both are told only: the server's configuration
// says which certificate a name has.
type DomainConfiguration struct {
	GatewayName                  string    `json:"apiGatewayDomainName"`
	HostedZoneID                 string    `json:"hostedZoneId"`
	CertificateARN               string    `json:"certificateArn,omitempty"`
	CertificateName              string    `json:"certificateName,omitempty"`
	CertificateUploaded          time.Time `json:"certificateUploadDate,omitzero"`
	OwnershipVerificationCertARN string    `json:"ownershipVerificationCertificateArn,omitempty"`
	EndpointType                 string    `json:"endpointType"`
	SecurityPolicy               string    `json:"securityPolicy"`
	IPAddressType                string    `json:"ipAddressType"`
}

// A Mapping leads a path of a domain to a stage.
type Mapping struct {
	ID      string    `json:"apiMappingId"`
	APIID   string    `json:"apiId"`
	Stage   string    `json:"stage"`
	Key     string    `json:"apiMappingKey"` // "" is the root
	Created time.Time `json:"created"`
}

// routingMode is the one mode that works without routing rules.
const routingMode = "API_MAPPING_ONLY"

const maxMappingKey = 300

var (
	domainLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	mappingKey  = regexp.MustCompile(`^[A-Za-z0-9$\-_.+!*'()/]*$`)
)

// Check fills in defaults and reports what AWS refuses in a domain.
func (d *Domain) Check(now time.Time) error {
	if !isDomainName(d.Name) {
		return BadRequest("Invalid domain name identifier specified: %s", d.Name)
	}
	if d.RoutingMode == "" {
		d.RoutingMode = routingMode
	}
	if d.RoutingMode != routingMode {
		return BadRequest("Routing rules are not supported here: routingMode must be %s", routingMode)
	}
	if len(d.Configurations) == 0 {
		return BadRequest("Domain name configurations are required")
	}
	if len(d.Configurations) > 1 {
		return BadRequest("Only one domain name configuration is supported")
	}
	for i := range d.Configurations {
		if err := d.Configurations[i].check(d, now); err != nil {
			return err
		}
	}
	return nil
}

func (c *DomainConfiguration) check(d *Domain, now time.Time) error {
	if c.EndpointType == "" {
		c.EndpointType = "REGIONAL"
	}
	if c.EndpointType != "REGIONAL" {
		return BadRequest("Invalid endpoint type specified: %s. Must be one of [REGIONAL]", c.EndpointType)
	}
	if c.SecurityPolicy == "" {
		c.SecurityPolicy = "TLS_1_2"
	}
	if c.SecurityPolicy != "TLS_1_2" {
		return BadRequest("Invalid security policy specified: %s. Must be one of [TLS_1_2]", c.SecurityPolicy)
	}
	if c.IPAddressType == "" {
		c.IPAddressType = defaultIPAddressType
	}
	if c.CertificateARN == "" {
		return BadRequest("A certificate ARN is required for the domain name %s", d.Name)
	}
	if c.GatewayName == "" {
		c.GatewayName = "d-" + derivedID("domain "+d.Name, apiIDLength) + ".execute-api." + d.Region + ".amazonaws.com"
		c.HostedZoneID = "Z" + strings.ToUpper(derivedID("zone "+d.Region, 13))
	}
	if c.CertificateUploaded.IsZero() {
		c.CertificateUploaded = now
	}
	return checkEnum("IP address type", c.IPAddressType, "ipv4", "dualstack")
}

// isDomainName reports whether name is one of DNS with two labels or more, in lower case; the first may be *.
func isDomainName(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil || len(name) > 253 {
		return false
	}
	labels := strings.Split(strings.TrimPrefix(name, "*."), ".")
	for _, label := range labels {
		if !domainLabel.MatchString(label) {
			return false
		}
	}
	return len(labels) >= 2
}

// ErrNoDomain says that there is no such domain.
func ErrNoDomain() error {
	return NotFound("The domain name resource specified in the request was not found.")
}

func errNoMapping() error {
	return NotFound("The api mapping resource specified in the request was not found.")
}

// Mapping returns the mapping of this id.
func (d *Domain) Mapping(id string) (*Mapping, error) {
	for i := range d.Mappings {
		if d.Mappings[i].ID == id {
			return &d.Mappings[i], nil
		}
	}
	return nil, errNoMapping()
}

// PutMapping adds a mapping, drawing an id if it has none, or replaces the one of its id. That its stage exists, the caller has seen.
func (d *Domain) PutMapping(m Mapping) (*Mapping, error) {
	switch {
	case len(m.Key) > maxMappingKey:
		return nil, BadRequest("Invalid API mapping key specified: length must be at most %d", maxMappingKey)
	case strings.HasSuffix(m.Key, "/"):
		return nil, BadRequest("API mapping key should not end with a '/'.")
	case strings.HasPrefix(m.Key, "/") || strings.Contains(m.Key, "//"):
		return nil, BadRequest("API mapping key should not start with a '/' or have consecutive '/' characters.")
	case !mappingKey.MatchString(m.Key):
		return nil, BadRequest("API mapping key should contain only letters, numbers and the characters $-_.+!*'()/: %s", m.Key)
	case m.Key == "ping" || m.Key == "sping":
		return nil, BadRequest("API mapping key %s is reserved for health checks", m.Key)
	}
	at := -1
	for i := range d.Mappings {
		switch other := &d.Mappings[i]; {
		case other.ID == m.ID:
			at = i
		case other.Key == m.Key:
			return nil, Conflict("ApiMapping key already exists for this domain name")
		}
	}
	if at >= 0 {
		d.Mappings[at] = m
		return &d.Mappings[at], nil
	}
	if m.ID == "" {
		m.ID = NewID()
	}
	d.Mappings = append(d.Mappings, m)
	return &d.Mappings[len(d.Mappings)-1], nil
}

// DeleteMapping removes a mapping.
func (d *Domain) DeleteMapping(id string) error {
	for i := range d.Mappings {
		if d.Mappings[i].ID == id {
			d.Mappings = append(d.Mappings[:i:i], d.Mappings[i+1:]...)
			return nil
		}
	}
	return errNoMapping()
}

// Route returns the mapping with the longest key that path begins with, segment by segment, and what is left of path; both without
// slashes at their ends. It returns nil if there is none.
func (d *Domain) Route(path string) (m *Mapping, rest string) {
	path = strings.Trim(path, "/")
	for i := range d.Mappings {
		key := d.Mappings[i].Key
		after, ok := strings.CutPrefix(path, key)
		if !ok || key != "" && after != "" && after[0] != '/' || m != nil && len(m.Key) >= len(key) {
			continue
		}
		m, rest = &d.Mappings[i], strings.TrimPrefix(after, "/")
	}
	return m, rest
}

// Hostname is the name in a Host header: in lower case, without port and final dot.
func Hostname(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// Wildcard is the domain that covers a host name besides the one of its own name: *.example.com for a.example.com.
func Wildcard(hostname string) string {
	_, parent, ok := strings.Cut(hostname, ".")
	if !ok {
		return ""
	}
	return "*." + parent
}
