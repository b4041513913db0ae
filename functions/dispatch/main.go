// Command dispatch is the Lambda function behind the completions queue: it
// claims each event once and makes its deliveries' first attempts.
package main

import "github.com/jobhook/jobhook/shared/stack"

func main() { stack.Start("dispatch", stack.Dispatch) }
