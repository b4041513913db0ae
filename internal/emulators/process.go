package emulators

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"sync"
)

// guard runs a command and kills it as soon as the guard's standard input ends.
// Its write end is ours alone, and the kernel closes it however we die: so no
// emulator outlives its test, not even one that was sent SIGKILL, and no
// signal has to be tied to an OS thread.
const guard = `exec 3<&0
"$@" </dev/null 3<&- & child=$!
{ read -r _ <&3; kill -9 $child; } >/dev/null 2>&1 & watch=$!
exec 3<&-
wait $child; status=$?
kill $watch 2>/dev/null
exit $status`

// listening is the line that both emulators print once their port is bound.
var listening = regexp.MustCompile(`listening on (http://\S+)`)

// startProcess starts command under the guard and waits until it listens.
func startProcess(ctx context.Context, name string, command *exec.Cmd) (*Emulator, error) {
	guarded := exec.Command("/bin/sh", append([]string{"-c", guard, "sh"}, command.Args...)...)
	guarded.Env = command.Env
	lifeline, err := guarded.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	output, written := io.Pipe()
	guarded.Stdout, guarded.Stderr = written, written
	if err := guarded.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	ended := make(chan struct{})
	go func() {
		_ = written.CloseWithError(guarded.Wait())
		close(ended)
	}()
	stop := sync.OnceFunc(func() {
		_ = lifeline.Close()
		<-ended
	})
	url, err := awaitListening(ctx, output)
	if err != nil {
		stop()
		return nil, fmt.Errorf("%s did not start: %w", name, err)
	}
	return &Emulator{URL: url, stop: stop}, nil
}

// awaitListening returns the URL that the emulator prints; without one in time,
// an error that carries all that it printed instead.
func awaitListening(ctx context.Context, output io.Reader) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, startDeadline)
	defer cancel()
	type result struct {
		url string
		err error
	}
	found := make(chan result, 1)
	var said transcript
	go func() {
		defer func() { _, _ = io.Copy(io.Discard, output) }() // it must not block on a full pipe
		lines := bufio.NewScanner(output)
		for lines.Scan() {
			said.mu.Lock()
			said.lines = append(said.lines, lines.Text())
			said.mu.Unlock()
			if match := listening.FindStringSubmatch(lines.Text()); match != nil {
				found <- result{url: match[1]}
				return
			}
		}
		found <- result{err: errors.Join(lines.Err(), errors.New("it ended"))}
	}()
	select {
	case r := <-found:
		if r.err != nil {
			return "", fmt.Errorf("%w; it said: %s", r.err, &said)
		}
		return r.url, nil
	case <-ctx.Done():
		return "", fmt.Errorf("%w; it said: %s", ctx.Err(), &said)
	}
}

// transcript collects lines; it may be read while they come.
type transcript struct {
	mu    sync.Mutex
	lines []string
}

// String joins the lines, or says that there were none.
func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == 0 {
		return "(nothing)"
	}
	return strings.Join(t.lines, "\n")
}
