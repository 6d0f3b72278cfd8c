package apigateway

import (
	"maps"
	"regexp"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
)

// Limits of stage variables.
const (
	maxVariables      = 100
	maxVariableName   = 64
	maxVariableLength = 512
)

var (
	stageName     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	variableName  = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
	variableValue = regexp.MustCompile(`^[A-Za-z0-9\-._~:/?#&=,]*$`)
)

// Stage returns the stage of this name.
func (p *Parts) Stage(name string) (*Stage, error) {
	if s := p.Stages[name]; s != nil {
		return s, nil
	}
	return nil, errNoStage()
}

// OrderedStages returns the stages in order of creation.
func (p *Parts) OrderedStages() []*Stage {
	return Ordered(p.Stages, func(s *Stage) time.Time { return s.Created })
}

// AddStage adds a stage whose name is free.
func (p *Parts) AddStage(s *Stage) error {
	if s.Name == RouteDefault {
		return BadRequest("Stages cannot be named $default for WebSocket APIs.")
	}
	if !stageName.MatchString(s.Name) {
		return BadRequest("Stage name only allows a-zA-Z0-9_-, and may have at most 128 characters")
	}
	if p.Stages[s.Name] != nil {
		return Conflict("Stage already exists")
	}
	return p.PutStage(s)
}

// PutStage adds or replaces a stage. Its deployment, if it names one, must be among p.Deployments. Settings of routes
// are checked for the keys that the stage did not have before.
func (p *Parts) PutStage(s *Stage) error {
	s.fill()
	if err := p.checkStage(s); err != nil {
		return err
	}
	p.Stages[s.Name] = s
	return nil
}

func (s *Stage) fill() {
	d := &s.DefaultSettings
	if d.LoggingLevel == "" {
		d.LoggingLevel = "OFF"
	}
	if d.DataTraceEnabled == nil {
		d.DataTraceEnabled = new(false)
	}
	if d.DetailedMetricsEnabled == nil {
		d.DetailedMetricsEnabled = new(false)
	}
	if a := s.AccessLog; a != nil {
		a.DestinationARN = strings.TrimSuffix(a.DestinationARN, ":*")
	}
}

func (p *Parts) checkStage(s *Stage) error {
	if err := firstError(
		checkLength("stage description", s.Description, 0, 1024),
		checkVariables(s.Variables),
		checkAccessLog(s.AccessLog),
		s.DefaultSettings.check(),
	); err != nil {
		return err
	}
	if _, err := PolicyOf(s.Tags); err != nil {
		return err
	}
	for key, settings := range s.RouteSettings {
		if err := settings.check(); err != nil {
			return err
		}
		if before := p.Stages[s.Name]; before != nil {
			if _, ok := before.RouteSettings[key]; ok {
				continue
			}
		}
		if !p.hasRoute(key) {
			return NotFound("Unable to find Route by key %s within the provided RouteSettings", key)
		}
	}
	if s.DeploymentID != "" && p.Deployments[s.DeploymentID] == nil {
		return ErrNoDeployment(s.DeploymentID)
	}
	return nil
}

func (p *Parts) hasRoute(key string) bool {
	for _, r := range p.Routes {
		if r.Key == key {
			return true
		}
	}
	return false
}

func (r *RouteSettings) check() error {
	if err := checkEnum("logging level", r.LoggingLevel, "OFF", "ERROR", "INFO"); err != nil {
		return err
	}
	if r.ThrottlingBurstLimit != nil && *r.ThrottlingBurstLimit < 0 || r.ThrottlingRateLimit != nil && *r.ThrottlingRateLimit < 0 {
		return BadRequest("Throttling limits must not be negative")
	}
	return nil
}

func checkVariables(variables map[string]string) error {
	if len(variables) > maxVariables {
		return BadRequest("Too many stage variables specified: a stage may have at most %d", maxVariables)
	}
	for name, value := range variables {
		if !variableName.MatchString(name) || len(name) > maxVariableName {
			return BadRequest("Stage variable names may only contain alphanumeric characters and underscore, and have at most %d of them: %s", maxVariableName, name)
		}
		if !variableValue.MatchString(value) || len(value) > maxVariableLength {
			return BadRequest("Stage variable values must match [A-Za-z0-9-._~:/?#&=,]+ and have at most %d characters: %s", maxVariableLength, name)
		}
	}
	return nil
}

func checkAccessLog(a *AccessLogSettings) error {
	if a == nil {
		return nil
	}
	d, err := arn.Parse(a.DestinationARN)
	if err != nil || d.Service != "logs" && d.Service != "firehose" {
		return BadRequest("Invalid ARN specified in the request. ARNs must start with 'arn:aws:logs' or 'arn:aws:firehose': %s", a.DestinationARN)
	}
	if d.Service == "firehose" && !strings.HasPrefix(d.Resource, "deliverystream/amazon-apigateway-") {
		return BadRequest("Invalid ARN specified in the request. The name of a delivery stream must start with 'amazon-apigateway-': %s", a.DestinationARN)
	}
	if !strings.Contains(a.Format, "$context.requestId") && !strings.Contains(a.Format, "$context.extendedRequestId") {
		return BadRequest("Access Log format must contain at least $context.requestId or $context.extendedRequestId")
	}
	return nil
}

// LogsToCloudWatch reports whether a stage asks for logs that AWS writes only with the account's CloudWatch role.
func (s *Stage) LogsToCloudWatch() bool {
	if s.AccessLog != nil || s.DefaultSettings.logs() {
		return true
	}
	for _, r := range s.RouteSettings {
		if r.logs() {
			return true
		}
	}
	return false
}

func (r *RouteSettings) logs() bool {
	return r.LoggingLevel != "" && r.LoggingLevel != "OFF" || r.DataTraceEnabled != nil && *r.DataTraceEnabled
}

// ErrNoLogRole is what AWS answers to logging without a role.
func ErrNoLogRole() error {
	return BadRequest("CloudWatch Logs role ARN must be set in account settings to enable logging")
}

// DeleteStage removes a stage.
func (p *Parts) DeleteStage(name string) error {
	if _, err := p.Stage(name); err != nil {
		return err
	}
	delete(p.Stages, name)
	return nil
}

// DeleteRouteSettings removes the settings of one route key.
func (s *Stage) DeleteRouteSettings(key string) error {
	if _, ok := s.RouteSettings[key]; !ok {
		return NotFound("Unable to find Route by key %s within the provided RouteSettings", key)
	}
	s.RouteSettings = maps.Clone(s.RouteSettings)
	delete(s.RouteSettings, key)
	return nil
}
