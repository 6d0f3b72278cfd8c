package wsapp

import (
	"encoding/json"
	"fmt"
	"html"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Describe says what the app is made of: routes, functions, table and permissions.
func (a *App) Describe() (string, error) {
	if err := a.check(); err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s", a.Name)
	if a.Description != "" {
		fmt.Fprintf(&b, ": %s", a.Description)
	}
	fmt.Fprintf(&b, "\n\nStage %s; routes are selected by %s\n\n", a.StageName(), a.SelectionExpression())
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ROUTE\tOPERATION\tFUNCTION\tREPLIES\tAUTHORIZATION")
	for _, r := range a.Routes() {
		authorization := "-"
		if r.key == ConnectKey && a.Authorizer != nil {
			authorization = "authorizer"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.key, or(r.OperationName, "-"), or(r.Function, "App"), map[bool]string{true: "yes", false: "no"}[r.replies], authorization)
	}
	fmt.Fprintln(w, "\nFUNCTION\tRUNTIME\tMEMORY\tTIMEOUT")
	for _, f := range a.functions() {
		fmt.Fprintf(w, "%s\tprovided.al2023\t%d MB\t%v\n", f, or(a.Memory, 128), or(a.Timeout, 29*time.Second))
	}
	if t := a.Table; t != nil {
		capacity := "paid per request"
		if t.ReadCapacity > 0 || t.WriteCapacity > 0 {
			capacity = fmt.Sprintf("%d reads and %d writes per second", max(t.ReadCapacity, 1), max(t.WriteCapacity, 1))
		}
		fmt.Fprintf(w, "\nTABLE\tKEY\tVARIABLE\tCAPACITY\nConnections\t%s\t%s\t%s\n", t.attribute(), t.VariableName(), capacity)
	}
	fmt.Fprintln(w, "\nPERMISSION\tOF\tON")
	for _, f := range a.functions() {
		for _, s := range a.statements(f) {
			for _, resource := range s.Resources {
				fmt.Fprintf(w, "%s\t%s\t%s\n", strings.Join(s.Actions, ", "), f, resourceName(resource))
			}
		}
	}
	w.Flush()
	return b.String(), nil
}

// resourceName says a resource of a statement in one line.
func resourceName(v any) string {
	switch v := normal(v).(type) {
	case string:
		return v
	case object:
		if len(v) == 1 {
			switch arg := normal(v[0].value).(type) {
			case string:
				return arg
			case list:
				var parts []string
				for _, e := range arg {
					parts = append(parts, fmt.Sprint(e))
				}
				return strings.Join(parts, ".")
			}
		}
	}
	text, _ := json.Marshal(v)
	return string(text)
}

// Measures of the diagram.
const (
	boxWidth, boxHeight = 170, 34
	columnGap, rowGap   = 90, 14
	margin              = 24
)

// Diagram draws what [App.Describe] says, as SVG.
func (a *App) Diagram() ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	routes, functions := a.Routes(), a.functions()
	var targets []string
	if a.Table != nil {
		targets = append(targets, "Connections")
	}
	targets = append(targets, "@connections")
	rows := max(len(routes), len(functions), len(targets))
	d := &diagram{height: 2*margin + 30 + rows*(boxHeight+rowGap) - rowGap}
	d.width = 2*margin + 4*boxWidth + 3*columnGap

	client := d.box(0, 0, 1, "client", "#eef")
	var functionAt []point
	for i, f := range functions {
		functionAt = append(functionAt, d.box(2, i, len(functions), f, "#efe"))
	}
	var targetAt []point
	for i, t := range targets {
		targetAt = append(targetAt, d.box(3, i, len(targets), t, "#fee"))
	}
	for i, r := range routes {
		at := d.box(1, i, len(routes), r.key, "#fff")
		d.line(client, at, false)
		d.line(at, functionAt[slices.Index(functions, or(r.Function, "App"))], r.replies)
	}
	for _, f := range functionAt {
		for _, t := range targetAt {
			d.line(f, t, false)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="13">`+"\n", d.width, d.height, d.width, d.height)
	fmt.Fprintf(&b, "<title>%s</title>\n", html.EscapeString(a.Name))
	b.WriteString(`<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0L8 4L0 8z"/></marker></defs>` + "\n")
	fmt.Fprintf(&b, `<text x="%d" y="%d" font-weight="bold">%s, stage %s</text>`+"\n", margin, margin+4, html.EscapeString(a.Name), html.EscapeString(a.StageName()))
	b.WriteString(d.lines.String() + d.boxes.String() + "</svg>\n")
	return []byte(b.String()), nil
}

// A diagram is boxes in columns, each column in the middle.
type diagram struct {
	width, height int
	boxes, lines  strings.Builder
}

// A point is the upper left corner of a box.
type point struct{ x, y int }

func (d *diagram) box(column, row, rows int, text, colour string) point {
	space := d.height - 2*margin - 30
	top := margin + 30 + (space-rows*(boxHeight+rowGap)+rowGap)/2
	at := point{margin + column*(boxWidth+columnGap), top + row*(boxHeight+rowGap)}
	fmt.Fprintf(&d.boxes, `<rect x="%d" y="%d" width="%d" height="%d" rx="5" fill="%s" stroke="#446"/>`+"\n", at.x, at.y, boxWidth, boxHeight, colour)
	fmt.Fprintf(&d.boxes, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", at.x+boxWidth/2, at.y+boxHeight/2+5, html.EscapeString(text))
	return at
}

// line draws an arrow from one box to another, with two heads if answers come back.
func (d *diagram) line(from, to point, both bool) {
	start := ""
	if both {
		start = ` marker-start="url(#arrow)"`
	}
	fmt.Fprintf(&d.lines, `<path d="M%d %dL%d %d" stroke="#446" fill="none" marker-end="url(#arrow)"%s/>`+"\n",
		from.x+boxWidth, from.y+boxHeight/2, to.x, to.y+boxHeight/2, start)
}
