package conformance

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
)

//go:embed cases/*.txt
var files embed.FS

// A Suite is all cases.
type Suite struct {
	Groups     []*Group
	Impossible map[int]string // statements that no case can prove, with the reason
}

// A Group is an API and the cases that use it, one after the other.
type Group struct {
	File  string
	Line  int
	API   []Line // what to deploy
	Cases []*Case
}

// A Case is one stimulus and what has to be seen.
type Case struct {
	Statements []int
	Title      string
	Provenance string
	File       string
	Line       int
	Steps      []Line
}

// A Line is one statement of the language: a word, and what follows it; lines that were indented deeper follow after a line break.
type Line struct {
	Word string
	Rest string
	Line int
}

// Name is how a case is called in reports.
func (c *Case) Name() string {
	name := ""
	for _, n := range c.Statements {
		name += fmt.Sprintf("DP-%03d ", n)
	}
	return name + c.Title
}

// A Family is a section of the contract.
type Family struct {
	Section     string
	Title       string
	First, Last int // statements
}

// Families are the sections of the contract's statements.
var Families = []Family{
	{"13.1", "Addresses and upgrade", 1, 22},
	{"13.2", "$connect and its status", 23, 53},
	{"13.3", "Subprotocols", 54, 60},
	{"13.4", "Frames, limits and closing", 61, 80},
	{"13.5", "$disconnect", 81, 93},
	{"13.6", "Route selection and error frames", 94, 123},
	{"13.7", "Two-way communication", 124, 140},
	{"13.8", "Non-proxy integrations", 141, 180},
	{"13.9", "Events", 181, 200},
	{"13.10", "Mapping templates", 201, 238},
	{"13.11", "Authorisation and admission", 239, 265},
	{"13.12", "Validation and throttling", 266, 275},
	{"13.13", "@connections", 276, 303},
	{"13.14", "Stages, logs, metrics", 304, 319},
}

// Last is the highest statement.
const Last = 319

// Load returns the cases that come with the program.
func Load() (*Suite, error) { return LoadFrom(files) }

// LoadFrom reads the cases of a file system.
func LoadFrom(fsys fs.FS) (*Suite, error) {
	names, err := fs.Glob(fsys, "cases/*.txt")
	if err != nil {
		return nil, err
	}
	s := &Suite{Impossible: map[int]string{}}
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		if err := s.parse(path.Base(name), string(data)); err != nil {
			return nil, err
		}
	}
	return s, nil
}
