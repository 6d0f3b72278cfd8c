package sdk

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	// Any quoted string that names a package counts: it may be asked for in ways that are hard to see.
	jsPackage = regexp.MustCompile("[\"'`](@aws-sdk/[a-z0-9-]+|@smithy/[a-z0-9-]+|aws-sdk)(?:/[^\"'`\\s]*)?[\"'`]")
	pyPackage = regexp.MustCompile(`\b(boto3|botocore)\b`)
)

const scanMax = 16 << 20 // of one file

// used returns the SDK packages that the code in dir names.
func used(dir, family string) []string {
	found := map[string]bool{}
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // what cannot be read cannot be run either
		}
		if d.IsDir() {
			if n := d.Name(); n == ".git" || family == "nodejs" && (n == "@aws-sdk" || n == "@smithy" || n == "aws-sdk") {
				return filepath.SkipDir // the SDK itself
			}
			return nil
		}
		pattern := jsPackage
		switch filepath.Ext(path) {
		case ".js", ".mjs", ".cjs":
			if family != "nodejs" {
				return nil
			}
		case ".py":
			if family != "python" {
				return nil
			}
			pattern = pyPackage
		default:
			return nil
		}
		if info, err := d.Info(); err != nil || info.Size() > scanMax {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		for _, m := range pattern.FindAllSubmatch(b, -1) {
			found[string(m[1])] = true
		}
		return nil
	})
	return slices.Sorted(maps.Keys(found))
}

// has says whether one of the places holds a package.
func has(places []string, pkg string) bool {
	for _, p := range places {
		for _, name := range []string{pkg, pkg + ".py"} {
			if _, err := os.Stat(filepath.Join(p, filepath.FromSlash(name))); err == nil {
				return true
			}
		}
	}
	return false
}

// missing returns the SDK packages that a Node.js function uses and does not have.
func missingNode(codeDir, layerDir, major string) []string {
	places := []string{filepath.Join(codeDir, "node_modules")}
	if layerDir != "" {
		places = append(places, filepath.Join(layerDir, "nodejs/node_modules"), filepath.Join(layerDir, "nodejs/node"+major, "node_modules"))
	}
	var out []string
	for _, pkg := range used(codeDir, "nodejs") {
		if !has(places, pkg) {
			out = append(out, pkg)
		}
	}
	if layerDir != "" {
		for _, pkg := range used(filepath.Join(layerDir, "nodejs"), "nodejs") {
			if !has(places, pkg) && !slices.Contains(out, pkg) {
				out = append(out, pkg)
			}
		}
	}
	return out
}

// missingPython says whether a Python function uses boto3 and does not have it.
func missingPython(codeDir, layerDir, version string) bool {
	places := []string{codeDir}
	if layerDir != "" {
		places = append(places, filepath.Join(layerDir, "python"), filepath.Join(layerDir, "python/lib/python"+version+"/site-packages"))
	}
	if has(places, "boto3") || has(places, "botocore") && !strings.Contains(strings.Join(used(codeDir, "python"), " "), "boto3") {
		return false
	}
	uses := len(used(codeDir, "python")) > 0
	if !uses && layerDir != "" {
		uses = len(used(filepath.Join(layerDir, "python"), "python")) > 0
	}
	return uses
}
