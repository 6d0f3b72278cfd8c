// Command shapes writes internal/awsapi/shapes from the service models of aws-sdk-go v1. See README.md.
package main

//go:generate sh -c "go run . -models \"$(go -C ../.. mod download -json github.com/aws/aws-sdk-go@v1.55.8 | sed -n 's/.*\"Dir\": \"\\(.*\\)\".*/\\1/p')/models/apis\" -out ../../internal/awsapi/shapes -elsewhere ../../internal/awsapi/elsewhere/services.go"

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	models := flag.String("models", "", "folder models/apis of aws-sdk-go")
	out := flag.String("out", "", "folder to write packages into")
	list := flag.String("services", "services.txt", "list of services and operations")
	patches := flag.String("patches", "patches.json", "merge patches for the models, by our name of the service")
	elsewhere := flag.String("elsewhere", "", "file to write about services that are called over the network")
	flag.Parse()
	err := run(*models, *out, *list, *patches)
	if err == nil {
		err = writeElsewhere(*models, *elsewhere)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "shapes:", err)
		os.Exit(1)
	}
}

func run(models, out, list, patches string) error {
	services, err := readServices(list)
	if err != nil {
		return err
	}
	var patch map[string]any
	if err := readJSON(patches, &patch); err != nil {
		return err
	}
	for _, s := range services {
		m, err := readModel(filepath.Join(models, s.dir, "api-2.json"), patch[s.name])
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		g := newGenerator(s, m)
		if err := g.write(filepath.Join(out, s.name)); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// A service is one paragraph of services.txt.
type service struct {
	name string
	dir  string
	ops  []string
}

// readServices reads paragraphs: name, model folder and operations, continued on indented lines.
func readServices(file string) ([]service, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []service
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		line, _, _ := strings.Cut(sc.Text(), "#")
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case line[0] == '\t' || line[0] == ' ':
			if len(list) == 0 {
				return nil, fmt.Errorf("%s: begins with an indented line", file)
			}
			list[len(list)-1].ops = append(list[len(list)-1].ops, words...)
		case len(words) < 2:
			return nil, fmt.Errorf("%s: %q lacks the model's folder", file, line)
		default:
			list = append(list, service{name: words[0], dir: words[1], ops: words[2:]})
		}
	}
	return list, sc.Err()
}

// wants reports whether structs are made for op.
func (s service) wants(op string) bool {
	yes := false
	for _, w := range s.ops {
		name, minus := strings.CutPrefix(w, "-")
		prefix, star := strings.CutSuffix(name, "*")
		if name == op || star && strings.HasPrefix(op, prefix) {
			yes = !minus
		}
	}
	return yes
}

func readJSON(file string, into any) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
