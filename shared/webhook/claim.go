package webhook

// Claim makes one queue message answer for an event's delivery.
type Claim struct {
	Targets []string // kept only if the event has none yet; never nil
	Lease   Lease
	Rev     string // the event's Rev from now on
}

// Loaded is a delivery with all that its next attempt needs.
type Loaded struct {
	Event    Event
	Delivery Delivery
	Endpoint *Endpoint // nil: the job's own URL, or the endpoint was removed
}
