package template

import (
	"encoding/json"
	"maps"
	"strings"
)

// An Artifact is a file or folder on the local disk that a template refers to: a deployment has to upload it first.
type Artifact struct {
	LogicalID   string
	Type        string // of the resource
	Property    string // "CodeUri", "Code", "ContentUri", "DefinitionUri", "TemplateURL", ...
	Path        string // as the template writes it, relative to the template; "." if a function says nothing
	Runtime     string // of functions, from Globals if they say nothing themselves
	Handler     string
	BuildMethod string         // Metadata.BuildMethod
	Ready       bool           // the CDK has built it
	Metadata    map[string]any // the resource's, as written
	Properties  map[string]any // the resource's, with Globals
	Position    Position
}

// artifactProperties are the properties that may name local files, by type of resource, and the form in which they name an object instead.
var artifactProperties = map[string]struct {
	property string
	form     string
}{
	"AWS::Serverless::Function":        {"CodeUri", "Bucket"},
	"AWS::Serverless::LayerVersion":    {"ContentUri", "Bucket"},
	"AWS::Serverless::StateMachine":    {"DefinitionUri", "Bucket"},
	"AWS::Serverless::Application":     {"Location", "URL"},
	"AWS::Lambda::Function":            {"Code", "S3Bucket"},
	"AWS::Lambda::LayerVersion":        {"Content", "S3Bucket"},
	"AWS::StepFunctions::StateMachine": {"DefinitionS3Location", "Bucket"},
	"AWS::CloudFormation::Stack":       {"TemplateURL", "URL"},
}

// LocalArtifacts returns what a template, as written and before any transform, refers to on the local disk, in the order of its text.
func LocalArtifacts(d *Document) []Artifact {
	resources, _ := d.Root["Resources"].(map[string]any)
	var all []Artifact
	for _, id := range d.Keys("Resources") {
		r, _ := resources[id].(map[string]any)
		typ, _ := r["Type"].(string)
		kind, ok := artifactProperties[typ]
		if !ok {
			continue
		}
		properties := effective(d, typ, r)
		path, local := localPath(properties[kind.property])
		asset, ready := assetOf(r, kind.property)
		if ready {
			path, local = asset, true
		}
		if typ == "AWS::Serverless::Function" {
			if properties["PackageType"] == "Image" || properties["InlineCode"] != nil {
				continue
			}
			if properties[kind.property] == nil {
				path, local = ".", true
			}
		}
		if !local {
			continue
		}
		a := Artifact{LogicalID: id, Type: typ, Property: kind.property, Path: path, Ready: ready, Properties: properties, Position: d.At("Resources", id, "Properties", kind.property)}
		a.Runtime, _ = properties["Runtime"].(string)
		a.Handler, _ = properties["Handler"].(string)
		a.Metadata, _ = r["Metadata"].(map[string]any)
		a.BuildMethod, _ = a.Metadata["BuildMethod"].(string)
		all = append(all, a)
	}
	return all
}

// assetOf returns the path of what the CDK has put beside the template for a property: the resource's metadata tell.
func assetOf(r map[string]any, property string) (path string, ok bool) {
	metadata, _ := r["Metadata"].(map[string]any)
	if metadata["aws:asset:property"] != property {
		return "", false
	}
	path, ok = metadata["aws:asset:path"].(string)
	return path, ok && path != ""
}

// localPath reports whether a property's value is a path on the local disk.
func localPath(v any) (string, bool) {
	s, ok := v.(string)
	for _, prefix := range []string{"s3://", "https://", "http://", "{{resolve:"} {
		if strings.HasPrefix(s, prefix) {
			return "", false
		}
	}
	return s, ok && s != ""
}

// effective returns a resource's properties with those that Globals gives to its type.
func effective(d *Document, typ string, r map[string]any) map[string]any {
	own, _ := r["Properties"].(map[string]any)
	properties := map[string]any{}
	if name, ok := strings.CutPrefix(typ, "AWS::Serverless::"); ok {
		globals, _ := d.Root["Globals"].(map[string]any)
		section, _ := globals[name].(map[string]any)
		maps.Copy(properties, section)
	}
	for k, v := range own {
		base, _ := properties[k].(map[string]any)
		if mine, isMap := v.(map[string]any); isMap && base != nil {
			if _, _, fn := function(mine); !fn {
				v = mergeMaps(base, mine)
			}
		}
		properties[k] = v
	}
	return properties
}

func mergeMaps(base, own map[string]any) map[string]any {
	m := maps.Clone(base)
	for k, v := range own {
		below, _ := m[k].(map[string]any)
		if mine, ok := v.(map[string]any); ok && below != nil {
			v = mergeMaps(below, mine)
		}
		m[k] = v
	}
	return m
}

// A Location is an object that has taken the place of a local artifact.
type Location struct {
	LogicalID            string
	Bucket, Key, Version string // Version may be empty
}

// Rewrite returns the document with local artifacts replaced by the objects that have been uploaded for them. Places of the text stay.
// The CDK's question for its bootstrap goes: the objects are elsewhere.
func Rewrite(d *Document, locations []Location) *Document {
	byID := map[string]Location{}
	for _, l := range locations {
		byID[l.LogicalID] = l
	}
	old, _ := d.Root["Resources"].(map[string]any)
	resources := maps.Clone(old)
	for id, l := range byID {
		r, _ := resources[id].(map[string]any)
		typ, _ := r["Type"].(string)
		kind, ok := artifactProperties[typ]
		if !ok {
			continue
		}
		properties, _ := r["Properties"].(map[string]any)
		properties = maps.Clone(properties)
		if properties == nil {
			properties = map[string]any{}
		}
		switch kind.form {
		case "Bucket":
			properties[kind.property] = object(l, "Bucket", "Key", "Version")
		case "S3Bucket":
			properties[kind.property] = object(l, "S3Bucket", "S3Key", "S3ObjectVersion")
		case "URL":
			properties[kind.property] = "https://s3.amazonaws.com/" + l.Bucket + "/" + l.Key
		}
		r = maps.Clone(r)
		r["Properties"] = properties
		resources[id] = r
	}
	root := maps.Clone(d.Root)
	root["Resources"] = resources
	withoutBootstrap(root)
	return d.Derive(root)
}

// withoutBootstrap removes the parameter that holds the version of the CDK's bootstrap, and the rule that wants it to be new enough.
func withoutBootstrap(root map[string]any) {
	const parameter, rule = "BootstrapVersion", "CheckBootstrapVersion"
	parameters, _ := root["Parameters"].(map[string]any)
	version, _ := parameters[parameter].(map[string]any)
	if text, _ := version["Default"].(string); !strings.HasPrefix(text, "/cdk-bootstrap/") {
		return
	}
	for section, name := range map[string]string{"Parameters": parameter, "Rules": rule} {
		old, _ := root[section].(map[string]any)
		rest := maps.Clone(old)
		delete(rest, name)
		root[section] = rest
		if len(rest) == 0 {
			delete(root, section)
		}
	}
}

func object(l Location, bucket, key, version string) map[string]any {
	m := map[string]any{bucket: l.Bucket, key: l.Key}
	if l.Version != "" {
		m[version] = l.Version
	}
	return m
}

// JSON returns the document's content.
func (d *Document) JSON() []byte {
	b, err := json.Marshal(d.Root)
	if err != nil {
		panic("template: encode a document: " + err.Error()) // it holds nothing that JSON cannot say
	}
	return b
}
