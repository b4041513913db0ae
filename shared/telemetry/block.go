package telemetry

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Namespace is the CloudWatch namespace of all metrics.
const Namespace = "jobhook"

const functionName = "FunctionName"

// block is the end of a line: its counters, and the "_aws" member that says
// what of the line is a metric, up to the value of Timestamp.
type block string

// count is a counter's name and what this line adds to it.
type count struct {
	name  string
	value int
}

// metric names a member of the line and its unit.
type metric struct{ Name, Unit string }

// directive says which of a line's members are metrics, and by what they are
// told apart. Each value of a dimension is one more metric on AWS's bill.
type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []metric
}

// by makes a directive for metrics told apart by function and, where named, by
// one more member of the line.
func by(dimension string, all ...metric) directive {
	set := []string{functionName}
	if dimension != "" {
		set = append(set, dimension)
	}
	return directive{Namespace, [][]string{set}, all}
}

func counter(name string) metric { return metric{name, "Count"} }

// newBlock makes a block's text. A directive names no member that the line may
// lack: all must be there.
func newBlock(counts []count, directives ...directive) block {
	var b strings.Builder
	for _, c := range counts {
		fmt.Fprintf(&b, `,%q:%d`, c.name, c.value)
	}
	text, err := json.Marshal(directives)
	if err != nil {
		panic(err) // strings alone can't fail
	}
	fmt.Fprintf(&b, `,"_aws":{"CloudWatchMetrics":%s,"Timestamp":`, text)
	return block(b.String())
}
