package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// Set: this process is the one to be killed. Its numbers begin at crashFrom.
const (
	crashDir  = "JOBHOOK_CRASH_DIR"
	crashFrom = "JOBHOOK_CRASH_FROM"
	// crashFull: it is not killed; its files may not grow for ever.
	crashFull = "JOBHOOK_CRASH_FULL"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		from, err := strconv.Atoi(os.Getenv(crashFrom))
		if err != nil {
			panic(err)
		}
		crashChild(dir, from)
		return
	}
	os.Exit(m.Run())
}

// crashChild writes without end, from many goroutines, and says on stdout what
// has been answered: "sent 17" for event, claim, delivery and message 17,
// "taken 17" for a message it is about to delete, "deleted 17" once
// something durable has been answered after that.
func crashChild(dir string, from int) {
	db, err := Open(Config{Dir: dir})
	if err != nil {
		panic(err)
	}
	q, err := db.Queue("q", QueueConfig{Visibility: time.Hour})
	if err != nil {
		panic(err)
	}
	full := os.Getenv(crashFull) != ""
	signal.Ignore(syscall.Signal(25)) // SIGXFSZ: the write says it, too
	const workers = 8
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for n, deleted := from+w, ""; ; n += workers {
				if err := crashWrite(db, q, n, &deleted); err != nil && full {
					tell("refused", n)
					return
				} else if err != nil {
					panic(err)
				}
			}
		})
	}
	all.Wait()
	if have, err := db.Events(context.Background(), crashEvent(from).MessageID); err == nil && have[0] != nil {
		tell("read", from)
	}
}

// tell is one write, so that no line mixes with another.
func tell(what string, n any) { _, _ = fmt.Fprintln(os.Stdout, what, n) }

func crashEvent(n int) webhook.Event {
	e := event(n, time.Time{})
	e.Result = []byte(`"` + strings.Repeat("x", 200+n%2000) + `"`)
	return e
}

func crashWrite(db *DB, q *Queue, n int, deleted *string) error {
	ctx := context.Background()
	e := crashEvent(n)
	if err := insertEvent(ctx, db, e); err != nil {
		return err
	}
	if *deleted != "" {
		tell("deleted", *deleted)
		*deleted = ""
	}
	_, claim := e.Claim([]string{"ep_1"}, webhook.Lease{Message: "m", Until: time.Now().Add(time.Hour)}, e.Rev+"c")
	d := delivery(e, "ep_1")
	d.Status, d.SettledAt = webhook.Failed, e.AcceptedAt
	if err := errors.Join(db.Write(ctx, claim, webhook.Change{Delivery: &d})...); err != nil {
		return err
	}
	if err := q.Send(ctx, webhook.Message{Body: fmt.Append(nil, n)})[0]; err != nil {
		return err
	}
	tell("sent", n)
	if n%3 == 0 {
		return crashDelete(q, deleted)
	}
	return nil
}

func crashDelete(q *Queue, deleted *string) error {
	got, err := q.Receive(context.Background(), 1)
	if err != nil || len(got) != 1 {
		return fmt.Errorf("received %d: %w", len(got), err)
	}
	tell("taken", string(got[0].Body))
	if err := q.Delete(context.Background(), got[0].ID); err != nil {
		return err
	}
	*deleted = string(got[0].Body)
	return nil
}

// TestKill: whatever was answered before a kill -9 is there afterwards, whole.
// The file lives on through all the kills.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	told := map[string]map[int]bool{"sent": {}, "taken": {}, "deleted": {}}
	for round, answers := range []int{1, 40, 7, 300, 6000} {
		child := exec.CommandContext(t.Context(), os.Args[0])
		killAfter(t, child, dir, round*1_000_000, answers, func(what string, n int) { told[what][n] = true })
		db := openDB(t, dir, time.Now)
		checkEvents(t, db, told["sent"])
		checkMessages(t, db, told)
		must(t, db.Close())
	}
}

// TestFull: when the files cannot grow, what was answered stays, reads go on,
// and all is there when there is room again.
func TestFull(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("a shell sets the limit")
	}
	dir := t.TempDir()
	told := map[string]map[int]bool{"sent": {}, "taken": {}, "deleted": {}, "refused": {}, "read": {}}
	child := exec.CommandContext(t.Context(), shell, "-c", `ulimit -f 34000; exec "$0"`, os.Args[0]) // 17 MB
	child.Env = append(os.Environ(), crashFull+"=1")
	killAfter(t, child, dir, 0, 0, func(what string, n int) { told[what][n] = true })
	if len(told["refused"]) == 0 || len(told["read"]) == 0 {
		t.Errorf("%d refused, %d read", len(told["refused"]), len(told["read"]))
	}
	db := openDB(t, dir, time.Now)
	checkEvents(t, db, told["sent"])
	checkMessages(t, db, told)
}

// killAfter runs a child on the directory and kills it once it has told of so
// many answers, 0 for never; all that it told is noted.
func killAfter(t *testing.T, child *exec.Cmd, dir string, from, answers int, note func(what string, n int)) {
	t.Helper()
	child.Env = append(child.Environ(), crashDir+"="+dir, crashFrom+"="+strconv.Itoa(from))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	lines := bufio.NewReader(out)
	for told := 1; ; told++ {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break // what it wrote before it died has been read to the end
		}
		must(t, err)
		var what string
		var n int
		if _, err := fmt.Sscan(line, &what, &n); err != nil {
			t.Fatalf("child said %q", line)
		}
		note(what, n)
		if told == answers {
			must(t, child.Process.Kill()) // SIGKILL
		}
	}
	_ = child.Wait()
}

func checkEvents(t *testing.T, db *DB, sent map[int]bool) {
	t.Helper()
	for n := range sent {
		want := crashEvent(n)
		e, deliveries := lookUp(t, db, want, "ep_1")
		if e == nil || string(e.Result) != string(want.Result) || !slices.Equal(e.Targets, []string{"ep_1"}) ||
			len(deliveries) != 1 || e.Lease.Active(time.Now()) {
			t.Fatalf("event %d: %+v, %d deliveries", n, e, len(deliveries))
		}
	}
	checkLists(t, db)
}

// checkLists requires an entry for each delivery in each list, and no other.
func checkLists(t *testing.T, db *DB) {
	t.Helper()
	for _, q := range []webhook.LogQuery{{Account: "acct", Limit: -1}, {Account: "acct", EndpointID: "ep_1", Limit: -1}} {
		list, _, err := db.Recoverable(t.Context(), q)
		must(t, err)
		if n := records(t, db, deliverLog); len(list) != n || records(t, db, recoverable) != 2*n {
			t.Errorf("%d recoverable deliveries and %d entries, %d in the log", len(list), records(t, db, recoverable), n)
		}
	}
}

func checkMessages(t *testing.T, db *DB, told map[string]map[int]bool) {
	t.Helper()
	there := map[int]bool{}
	for _, r := range receive(t, newQueue(t, db, "q", QueueConfig{}), 1<<30) {
		n, err := strconv.Atoi(string(r.Body))
		if err != nil || there[n] {
			t.Errorf("message %q: %v, twice: %v", r.Body, err, there[n])
		}
		there[n] = true
	}
	for n := range told["sent"] {
		if !there[n] && !told["taken"][n] {
			t.Errorf("message %d was sent, not deleted, and is gone", n)
		}
	}
	for n := range told["deleted"] {
		if there[n] {
			t.Errorf("message %d is back after its deletion", n)
		}
	}
}
