// Reads a JSON list of PromQL expressions and tells of each, as JSON, why it cannot be parsed or what it asks for: by the parser of
// Prometheus itself.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/prometheus/prometheus/promql/parser"
)

type found struct {
	Error    string     `json:"error,omitempty"`
	Type     string     `json:"type,omitempty"`
	Metrics  []string   `json:"metrics"`
	Grouping [][]string `json:"grouping"`
}

func main() {
	var expressions []string
	if err := json.NewDecoder(os.Stdin).Decode(&expressions); err != nil {
		log.Fatal(err)
	}
	answers := []found{}
	for _, text := range expressions {
		answers = append(answers, look(text))
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		log.Fatal(err)
	}
}

func look(text string) found {
	answer := found{Metrics: []string{}, Grouping: [][]string{}}
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		answer.Error = err.Error()
		return answer
	}
	answer.Type = string(tree.Type())
	parser.Inspect(tree, func(node parser.Node, _ []parser.Node) error {
		switch part := node.(type) {
		case *parser.VectorSelector:
			answer.Metrics = append(answer.Metrics, part.Name)
		case *parser.AggregateExpr:
			answer.Grouping = append(answer.Grouping, part.Grouping)
		}
		return nil
	})
	return answer
}
