// Command retry is the Lambda function behind the retry queue: it makes every
// attempt that comes after a delivery's first.
package main

import "github.com/jobhook/jobhook/shared/stack"

func main() { stack.Start("retry", stack.Retry) }
