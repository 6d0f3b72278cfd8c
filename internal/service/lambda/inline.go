package lambda

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"strings"
)

// What AWS adds to inline code, so that it can answer CloudFormation: require('cfn-response'), import cfnresponse.
var (
	//go:embed cfnresponse.js
	cfnResponseJS string
	//go:embed cfnresponse.py
	cfnResponsePy string
)

// inlineZip makes the zip of inline source, which is called index.
func inlineZip(runtime, source string) ([]byte, error) {
	switch {
	case strings.HasPrefix(runtime, "nodejs"):
		return zipFiles("index.js", source, "node_modules/cfn-response/index.js", cfnResponseJS)
	case strings.HasPrefix(runtime, "python"):
		return zipFiles("index.py", source, "cfnresponse.py", cfnResponsePy)
	case strings.HasPrefix(runtime, "ruby"):
		return zipFiles("index.rb", source)
	}
	return nil, errInvalid("ZipFile can only be used when Runtime is set to either of nodejs, python or ruby")
}

// zipFiles makes a zip of files: names and contents by turns. The same files always make the same zip.
func zipFiles(files ...string) ([]byte, error) {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for i := 0; i < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err != nil {
			return nil, fmt.Errorf("pack inline code: %w", err)
		}
		if _, err := io.WriteString(w, files[i+1]); err != nil {
			return nil, fmt.Errorf("pack inline code: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("pack inline code: %w", err)
	}
	return buf.Bytes(), nil
}
