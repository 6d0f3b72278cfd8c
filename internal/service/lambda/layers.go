package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
)

// maxLayers is how many layers a function may have.
const maxLayers = 5

// A layer is one document: all versions of a name. The blobs of deleted versions stay, for AWS lets functions go on with them.
type layer struct {
	Account  string                  `json:"account"`
	Region   string                  `json:"region"`
	Name     string                  `json:"name"`
	Last     int64                   `json:"last"`
	Versions map[string]layerVersion `json:"versions"`
}

type layerVersion struct {
	Version       int64     `json:"version"`
	Description   string    `json:"description,omitempty"`
	License       string    `json:"license,omitempty"`
	Runtimes      []string  `json:"runtimes,omitempty"`
	Architectures []string  `json:"architectures,omitempty"`
	Created       time.Time `json:"created"`
	Code          code      `json:"code"`
	Token         string    `json:"token,omitempty"` // the step of CloudFormation that made it
}

// layerContent is what a function keeps of a layer's version.
type layerContent struct {
	ARN  string `json:"arn"`
	Code code   `json:"code"`
}

func layerKey(account, region, name string) string { return account + "/" + region + "/layer/" + name }

func (l *layer) arn() string {
	return arn.New("lambda", l.Region, l.Account, "layer:"+l.Name).String()
}

func (l *layer) versionARN(v int64) string { return l.arn() + ":" + strconv.FormatInt(v, 10) }

// newest returns the versions, newest first.
func (l *layer) newest() []layerVersion {
	return slices.SortedFunc(maps.Values(l.Versions), func(a, b layerVersion) int { return int(b.Version - a.Version) })
}

// layerTarget reads a layer's name or ARN, perhaps with a version.
func layerTarget(ctx context.Context, text string) (l layer, version string, err error) {
	caller := awsapi.CallerOf(ctx)
	l = layer{Account: caller.Account, Region: caller.Region, Name: text}
	if strings.HasPrefix(text, "arn:") {
		a, err := arn.Parse(text)
		name, isLayer := strings.CutPrefix(a.Resource, "layer:")
		if err != nil || a.Service != "lambda" || !isLayer {
			return l, "", errInvalid("Invalid layer ARN: %s", text)
		}
		l.Account, l.Region = a.Account, a.Region
		l.Name, version, _ = strings.Cut(name, ":")
	}
	if l.Account != caller.Account && !caller.Admin {
		return l, "", failure("AccessDeniedException", 403, "User: %s is not authorized to perform: lambda:GetLayerVersion on resource: %s because no resource-based policy allows the lambda:GetLayerVersion action", caller.ARN, text)
	}
	return l, version, nil
}

func (s *Service) readLayer(ctx context.Context, l layer) (*layer, error) {
	st, err := s.cfg.Stores.Open(ctx, storeName)
	if err != nil {
		return nil, fmt.Errorf("open store of layers: %w", err)
	}
	found, _, err := readDocument[layer](ctx, st, layerKey(l.Account, l.Region, l.Name))
	return found, err
}

func (s *Service) publishLayerVersion(ctx context.Context, in *shape.PublishLayerVersionInput) (*shape.PublishLayerVersionOutput, error) {
	return s.publishLayerFor(ctx, in, "")
}

// publishLayerFor is publishLayerVersion for a step of CloudFormation, which may be repeated.
func (s *Service) publishLayerFor(ctx context.Context, in *shape.PublishLayerVersionInput, token string) (*shape.PublishLayerVersionOutput, error) {
	t, _, err := layerTarget(ctx, deref(in.LayerName))
	if err != nil {
		return nil, err
	}
	content, err := s.takeCode(ctx, &shape.FunctionCode{ZipFile: in.Content.ZipFile, S3Bucket: in.Content.S3Bucket, S3Key: in.Content.S3Key, S3ObjectVersion: in.Content.S3ObjectVersion})
	if err != nil {
		return nil, err
	}
	var made layerVersion
	l, rev, err := editDocument(ctx, s.cfg.Stores, layerKey(t.Account, t.Region, t.Name), func(l *layer) (*layer, error) {
		if l == nil {
			l = &t
		}
		for _, v := range l.Versions {
			if token != "" && v.Token == token {
				made = v
				return l, errUnchanged
			}
		}
		l.Last++
		made = layerVersion{
			Version: l.Last, Description: deref(in.Description), License: deref(in.LicenseInfo), Runtimes: in.CompatibleRuntimes,
			Architectures: in.CompatibleArchitectures, Created: time.Now().UTC(), Code: content, Token: token,
		}
		if l.Versions == nil {
			l.Versions = map[string]layerVersion{}
		}
		l.Versions[strconv.FormatInt(l.Last, 10)] = made
		return l, nil
	})
	if err != nil || rev == 0 {
		s.discard(ctx, content.Blob)
	}
	if err != nil {
		return nil, err
	}
	d := l.describe(made)
	return &shape.PublishLayerVersionOutput{
		CompatibleArchitectures: d.CompatibleArchitectures, CompatibleRuntimes: d.CompatibleRuntimes, Content: d.Content, CreatedDate: d.CreatedDate,
		Description: d.Description, LayerArn: d.LayerArn, LayerVersionArn: d.LayerVersionArn, LicenseInfo: d.LicenseInfo, Version: d.Version,
	}, nil
}

func (l *layer) describe(v layerVersion) *shape.GetLayerVersionResponse {
	i := l.list(v)
	return &shape.GetLayerVersionResponse{
		CompatibleArchitectures: i.CompatibleArchitectures, CompatibleRuntimes: i.CompatibleRuntimes, CreatedDate: i.CreatedDate, Description: i.Description,
		LayerArn: new(l.arn()), LayerVersionArn: i.LayerVersionArn, LicenseInfo: i.LicenseInfo, Version: i.Version,
		Content: &shape.LayerVersionContentOutput{CodeSha256: new(v.Code.SHA256), CodeSize: new(v.Code.Size), Location: new(v.Code.location())},
	}
}

func (l *layer) list(v layerVersion) *shape.LayerVersionsListItem {
	return &shape.LayerVersionsListItem{
		CompatibleArchitectures: v.Architectures, CompatibleRuntimes: v.Runtimes, CreatedDate: new(v.Created.Format("2006-01-02T15:04:05.000+0000")),
		Description: new(v.Description), LayerVersionArn: new(l.versionARN(v.Version)), LicenseInfo: orNil(v.License), Version: new(v.Version),
	}
}

func errLayerVersion() error { return errInvalid("Layer Version Cannot be less than 1") }

func (s *Service) getLayerVersion(ctx context.Context, in *shape.GetLayerVersionInput) (*shape.GetLayerVersionOutput, error) {
	if deref(in.VersionNumber) < 1 {
		return nil, errLayerVersion()
	}
	return s.findLayerVersion(ctx, deref(in.LayerName), strconv.FormatInt(*in.VersionNumber, 10))
}

func (s *Service) getLayerVersionByArn(ctx context.Context, in *shape.GetLayerVersionByArnInput) (*shape.GetLayerVersionByArnOutput, error) {
	return s.findLayerVersion(ctx, deref(in.Arn), "")
}

// findLayerVersion describes a version of the layer that text names; without version, text has it.
func (s *Service) findLayerVersion(ctx context.Context, text, version string) (*shape.GetLayerVersionResponse, error) {
	t, v, err := layerTarget(ctx, text)
	if err != nil {
		return nil, err
	}
	if version == "" {
		version = v
	}
	l, err := s.readLayer(ctx, t)
	if err != nil {
		return nil, err
	}
	if l != nil {
		if v, ok := l.Versions[version]; ok {
			return l.describe(v), nil
		}
	}
	return nil, errNotFound("The resource you requested does not exist.")
}

func (s *Service) deleteLayerVersion(ctx context.Context, in *shape.DeleteLayerVersionInput) (*shape.DeleteLayerVersionOutput, error) {
	if deref(in.VersionNumber) < 1 {
		return nil, errLayerVersion()
	}
	t, _, err := layerTarget(ctx, deref(in.LayerName))
	if err != nil {
		return nil, err
	}
	_, _, err = editDocument(ctx, s.cfg.Stores, layerKey(t.Account, t.Region, t.Name), func(l *layer) (*layer, error) {
		v := strconv.FormatInt(*in.VersionNumber, 10)
		if l == nil {
			return nil, errUnchanged
		}
		if _, ok := l.Versions[v]; !ok {
			return l, errUnchanged
		}
		delete(l.Versions, v) // the document stays: AWS never gives a number twice
		return l, nil
	})
	return &shape.DeleteLayerVersionOutput{}, err
}

func (s *Service) listLayerVersions(ctx context.Context, in *shape.ListLayerVersionsInput) (*shape.ListLayerVersionsOutput, error) {
	t, _, err := layerTarget(ctx, deref(in.LayerName))
	if err != nil {
		return nil, err
	}
	l, err := s.readLayer(ctx, t)
	if err != nil {
		return nil, err
	}
	var list []item[*shape.LayerVersionsListItem]
	if l != nil {
		for _, v := range l.newest() {
			if v.fits(in.CompatibleRuntime, in.CompatibleArchitecture) {
				list = append(list, item[*shape.LayerVersionsListItem]{fmt.Sprintf("%019d", int64(1<<62)-v.Version), l.list(v)})
			}
		}
	}
	page, next, err := paginate(list, in.Marker, in.MaxItems)
	return &shape.ListLayerVersionsOutput{LayerVersions: page, NextMarker: next}, err
}

func (v layerVersion) fits(runtime, architecture *string) bool {
	return (runtime == nil || slices.Contains(v.Runtimes, *runtime)) && (architecture == nil || slices.Contains(v.Architectures, *architecture))
}

func (s *Service) listLayers(ctx context.Context, in *shape.ListLayersInput) (*shape.ListLayersOutput, error) {
	if r := in.CompatibleRuntime; r != nil && !slices.Contains(runtimes, *r) && !slices.Contains(retired, *r) {
		return nil, errConstraint(*r, "compatibleRuntime", "Member must satisfy enum value set: ["+strings.Join(slices.Concat(runtimes, retired), ", ")+"]")
	}
	caller := awsapi.CallerOf(ctx)
	st, err := s.cfg.Stores.Open(ctx, storeName)
	if err != nil {
		return nil, fmt.Errorf("open store of layers: %w", err)
	}
	docs, err := st.List(ctx, layerKey(caller.Account, caller.Region, ""))
	if err != nil {
		return nil, fmt.Errorf("list layers: %w", err)
	}
	var list []item[*shape.LayersListItem]
	for _, d := range docs {
		var l layer
		if err := json.Unmarshal(d.Data, &l); err != nil {
			return nil, fmt.Errorf("decode %s: %w", d.Key, err)
		}
		for _, v := range l.newest() {
			if v.fits(in.CompatibleRuntime, in.CompatibleArchitecture) {
				list = append(list, item[*shape.LayersListItem]{l.Name, &shape.LayersListItem{LayerArn: new(l.arn()), LayerName: new(l.Name), LatestMatchingVersion: l.list(v)}})
				break
			}
		}
	}
	page, next, err := paginate(list, in.Marker, in.MaxItems)
	return &shape.ListLayersOutput{Layers: page, NextMarker: next}, err
}

// resolveLayers finds the versions of layers that a function asks for.
func (s *Service) resolveLayers(ctx context.Context, arns []string) ([]layerContent, error) {
	if len(arns) > maxLayers {
		return nil, errInvalid("Cannot reference more than %d layers.", maxLayers)
	}
	seen := map[string]string{}
	var all []layerContent
	for _, text := range arns {
		t, version, err := layerTarget(ctx, text)
		if err != nil {
			return nil, err
		}
		if region := awsapi.CallerOf(ctx).Region; t.Region != region {
			return nil, errInvalid("Layers are not in the same region as the function. Layers are expected to be in region %s.", region)
		}
		if other, twice := seen[t.arn()]; twice {
			return nil, errInvalid("Two different versions of the same layer are not allowed to be referenced in the same function. %s and %s are versions of the same layer.", other, text)
		}
		seen[t.arn()] = text
		l, err := s.readLayer(ctx, t)
		if err != nil {
			return nil, err
		}
		if l == nil || l.Versions[version].Version == 0 {
			return nil, errInvalid("Layer version %s does not exist.", text)
		}
		all = append(all, layerContent{ARN: text, Code: l.Versions[version].Code})
	}
	return all, nil
}

// unpackedLayers returns the folder of the layers, unpacked over each other: a later one replaces files of those before.
func (s *Service) unpackedLayers(ctx context.Context, layers []layerContent) (string, error) {
	if len(layers) == 0 {
		return "", nil
	}
	if len(layers) == 1 && layers[0].Code.Dir != "" {
		return layers[0].Code.Dir, nil
	}
	var name strings.Builder
	var codes []code
	for _, l := range layers {
		name.WriteString(l.Code.SHA256 + "\n")
		codes = append(codes, l.Code)
	}
	return s.unpackAll(ctx, "layers-"+sum256Hex([]byte(name.String())), codes...)
}
