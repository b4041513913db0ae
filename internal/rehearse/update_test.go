//go:build rehearse

package rehearse_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/internal/rehearse"
	"github.com/jobhook/jobhook/shared/webhook"
)

// The stack is updated - other binaries, another schedule, other batches - while
// deliveries wait in the delay queue and completions keep coming: none is lost,
// none is sent twice, none early. Then the queue hands all that waits out at
// once, long before it is due: the new function lets it wait on.
func TestUpdateWhileDeliveriesWait(t *testing.T) {
	const waiting, coming = 25, 15
	source := rehearse.Source{Directory: translated, Binaries: binaries(t)}
	p := deploy(t, source)
	given := parameters(p.bus)
	given["Schedule"] = "12s,2s"
	if err := p.stack.Update(t.Context(), source, given); err != nil {
		t.Fatal(err)
	}
	var events []webhook.Event
	for i := range waiting {
		events = append(events, p.put("acme", fmt.Sprint("waits-", i), fmt.Sprint("/down/0/waits-", i)))
	}
	for _, e := range events {
		p.ends(e, webhook.JobTarget, webhook.Retrying, 1)
	}
	p.customer.heal()
	tables := p.stack.Physical("DeliveriesTable") + p.stack.Physical("EndpointsTable") + p.stack.Physical("RetryQueue")

	second, err := build("second", buildEnvironment(), "-ldflags=-s -w -buildid=second")
	if err != nil {
		t.Fatal(err)
	}
	source.Binaries = second
	given["Schedule"], given["BatchSize"], given["MemorySize"] = "1s,1s,1s", "5", "512"
	var updating sync.WaitGroup
	updating.Go(func() {
		if err := p.stack.Update(t.Context(), source, given); err != nil {
			t.Error(err)
		}
	})
	for i := range coming {
		events = append(events, p.put("globex", fmt.Sprint("comes-", i), fmt.Sprint("/fails/1/comes-", i)))
	}
	updating.Wait()
	still := 0
	for i := range waiting {
		still += 1 - len(p.customer.to(fmt.Sprint("/down/0/waits-", i)))/2
	}
	if still == 0 {
		t.Error("nothing waited any more when the update was done: it took too long to prove anything")
	}
	t.Logf("%d of %d deliveries waited while the stack was updated", still, waiting)
	emulators.Advance(t, 15*time.Minute)

	for i, e := range events {
		p.ends(e, webhook.JobTarget, webhook.Delivered, 2)
		path := fmt.Sprint("/down/0/waits-", i)
		if i >= waiting {
			path = fmt.Sprint("/fails/1/comes-", i-waiting)
		}
		p.posts(path, 2, p.jobSecret(e.Account))
		d, err := p.delivery(e, webhook.JobTarget)
		if err != nil {
			t.Fatal(err)
		}
		if gap := d.Attempts[1].At.Sub(d.Attempts[0].At); i < waiting && gap < 12*time.Second {
			t.Errorf("%s was tried again after %s, before the 12 s that it had to wait", e.EventID, gap)
		}
	}
	if after := p.stack.Physical("DeliveriesTable") + p.stack.Physical("EndpointsTable") + p.stack.Physical("RetryQueue"); after != tables {
		t.Errorf("the update made tables or queues anew: %s, before %s", after, tables)
	}
	for logical, f := range p.stack.Functions() {
		if logical != "ReceiveFunction" && f.Starts() == 0 {
			t.Errorf("%s: its new binary never ran", logical)
		}
	}
	for _, queue := range []string{"CompletionsQueue", "RetryQueue", "SlowQueue", "CompletionsDeadLetters", "RetryDeadLetters", "RejectedQueue"} {
		p.holds(p.stack.Physical(queue), 0)
	}
}
