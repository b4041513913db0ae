// Command simulate computes how jobhook on AWS takes a burst and a hanging
// endpoint, and what the quotas allow, from what AWS documents of SQS fair
// queues and Lambda's event source mappings. It measures nothing; the same
// input always gives the same output. With -write it puts its output into
// docs/performance.md, which a test compares.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/jobhook/jobhook/internal/marked"
)

func main() {
	write := flag.Bool("write", false, "put the output into -page")
	page := flag.String("page", "docs/performance.md", "the page that has the output")
	flag.Parse()
	text := output()
	fmt.Fprint(os.Stdout, text)
	if !*write {
		return
	}
	if err := marked.Write(*page, "simulate", text); err != nil {
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(1)
	}
}

func output() string { return "\n" + scenarioTables() + quotaTables() }
