package sam

import (
	"maps"
	"strings"
)

// layer writes AWS::Serverless::LayerVersion out. Its logical id changes with its properties: a layer's version never does.
func (m *macro) layer() ([]*made, *cause) {
	for _, name := range []string{"LayerName", "LicenseInfo", "Description", "RetentionPolicy"} {
		if c := m.resolveText(name); c != nil {
			return nil, c
		}
	}
	p := m.properties
	retention, c := m.retention()
	if c != nil {
		return nil, c
	}
	attributes := m.passed()
	if _, has := attributes["DeletionPolicy"]; !has {
		attributes["DeletionPolicy"] = "Retain"
	}
	if retention != "" {
		attributes["DeletionPolicy"] = retention
	}
	basis := m.own(m.id, m.typ)
	basis.properties = p
	hashed := basis.resource()
	for _, name := range []string{"DeletionPolicy", "UpdateReplacePolicy", "Metadata"} {
		delete(hashed, name)
	}
	id := m.id + hash(map[string]any{m.id: hashed})
	m.renamed[m.id] = id
	l := m.new(id, "AWS::Lambda::LayerVersion", attributes)
	if m.dependsOn != nil {
		l.attributes["DependsOn"] = m.dependsOn
	}
	content, c := m.location(id, "ContentUri", map[string]string{"Bucket": "S3Bucket", "Key": "S3Key", "Version": "S3ObjectVersion"})
	if c != nil {
		return nil, c
	}
	l.set("LayerName", m.id)
	if truthy(p["LayerName"]) {
		l.set("LayerName", p["LayerName"])
	}
	l.set("Content", content)
	for _, name := range []string{"Description", "CompatibleArchitectures", "CompatibleRuntimes", "LicenseInfo"} {
		l.set(name, p[name])
	}
	architectures, _ := p["CompatibleArchitectures"].([]any)
	for _, a := range architectures {
		if !isIntrinsic(a) && a != "x86_64" && a != "arm64" {
			return nil, invalidResource(id, "CompatibleArchitectures needs to be a list of 'x86_64' or 'arm64'")
		}
	}
	return []*made{l}, nil
}

// resolveText replaces a property that is a Ref to a parameter by the parameter's value, which has to be a string.
func (m *macro) resolveText(name string) *cause {
	v := m.properties[name]
	if !truthy(v) {
		return nil
	}
	now := m.resolve(v)
	if _, ok := now.(string); !ok && !isIntrinsic(now) {
		return invalidResource(m.id, "Could not resolve parameter for '%s' or parameter is not a String.", name)
	}
	m.properties = maps.Clone(m.properties)
	m.properties[name] = now
	return nil
}

func (m *macro) retention() (string, *cause) {
	switch v := m.properties["RetentionPolicy"].(type) {
	case nil:
		return "", nil
	case string:
		for _, option := range []string{"Retain", "Delete"} {
			if strings.EqualFold(v, option) {
				return option, nil
			}
		}
		return "", invalidResource(m.id, "'RetentionPolicy' must be one of the following options: ['Retain', 'Delete'].")
	}
	return "", invalidResource(m.id, "'RetentionPolicy' does not accept intrinsic functions, please use one of the following options: ['Retain', 'Delete']")
}
