// Reads one exposition as Prometheus does when it scrapes, and prints what it found as JSON lines.
//
//	scrape CONTENT-TYPE < exposition
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

type sample struct {
	Labels   map[string]string `json:"labels"`
	Value    float64           `json:"value"`
	Exemplar *example          `json:"exemplar,omitempty"`
}

type example struct {
	Labels map[string]string `json:"labels"`
	Value  float64           `json:"value"`
	TimeMs int64             `json:"timeMs"`
}

type family struct {
	Name string `json:"name"`
	Type string `json:"type,omitempty"`
	Unit string `json:"unit,omitempty"`
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func main() {
	body, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail(err)
	}
	parser, err := textparse.New(body, os.Args[1], labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		fail(err)
	}
	out := json.NewEncoder(os.Stdout)
	for {
		entry, err := parser.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			fail(err)
		}
		switch entry {
		case textparse.EntryType:
			name, kind := parser.Type()
			err = out.Encode(family{Name: string(name), Type: string(kind)})
		case textparse.EntryUnit:
			name, unit := parser.Unit()
			err = out.Encode(family{Name: string(name), Unit: string(unit)})
		case textparse.EntrySeries:
			err = out.Encode(toSample(parser))
		}
		if err != nil {
			fail(err)
		}
	}
}

func toSample(parser textparse.Parser) sample {
	_, _, value := parser.Series()
	var found labels.Labels
	parser.Labels(&found)
	one := sample{Labels: found.Map(), Value: value}
	var e exemplar.Exemplar
	if parser.Exemplar(&e) {
		one.Exemplar = &example{Labels: e.Labels.Map(), Value: e.Value, TimeMs: e.Ts}
	}
	return one
}
