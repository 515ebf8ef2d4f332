package sms

import "fmt"

// State is where a message stands in its life (design: message life).
type State string

// The states. Refused, cancelled, delivered, failed and expired end a message;
// unknown ends it until a late report says more.
const (
	New        State = ""           // not stored yet
	Permitted  State = "permitted"  // 已许可: decided, money held, on its way into a queue
	Queued     State = "queued"     // 排队: waits in its channel's queue
	Submitting State = "submitting" // 提交中: second look passed, the PDU may be on the wire
	Submitted  State = "submitted"  // 已提交: the carrier gave its ids
	Delivered  State = "delivered"  // 已送达
	Failed     State = "failed"     // 失败
	Expired    State = "expired"    // 过期: not_after passed before submission
	Unknown    State = "unknown"    // 无报告: report_timeout passed without a report
	InDoubt    State = "in_doubt"   // 存疑: sent, never answered
	Refused    State = "refused"    // 拒绝: the decision stood against it
	Cancelled  State = "cancelled"  // 取消: revoked before submission
	Held       State = "held"       // 待审: a person reviews
	Deferred   State = "deferred"   // 延迟: waits for lawful hours
	Scheduled  State = "scheduled"  // 定时: the customer asked for later
)

// States lists every stored state.
func States() []State {
	return []State{
		Permitted, Queued, Submitting, Submitted, Delivered, Failed, Expired, Unknown,
		InDoubt, Refused, Cancelled, Held, Deferred, Scheduled,
	}
}

// Permit tells whether a message in this state has a decision that permits its
// submission. The states without a permit pass the gate anew when released.
func (s State) Permit() bool {
	switch s {
	case Permitted, Queued, Submitting, Submitted, Delivered, Failed, Unknown, InDoubt:
		return true
	}
	return false
}

// Final tells whether nothing more is expected of the message.
func (s State) Final() bool {
	switch s {
	case Delivered, Failed, Expired, Refused, Cancelled:
		return true
	}
	return false
}

// Actor is the part of the platform that may take an edge.
type Actor string

// The actors.
const (
	ActorGate     Actor = "gate"     // first decision, and new decisions on release
	ActorDispatch Actor = "dispatch" // second look, submission, its answer
	ActorInbound  Actor = "inbound"  // status reports
	ActorSweeper  Actor = "sweeper"  // timeouts, and what a restore leaves
	ActorPerson   Actor = "person"   // a member of staff, with a reason
	ActorCustomer Actor = "customer" // cancels its own waiting message
)

// Effect says what an edge does to money.
type Effect string

// Money effects (P5, P6).
const (
	MoneyNone    Effect = "none"
	MoneyHold    Effect = "hold"    // hold the dearest candidate's price along the chain
	MoneyKeep    Effect = "keep"    // what is held stays held
	MoneyRehold  Effect = "rehold"  // a new decision adjusts the hold
	MoneyCapture Effect = "capture" // capture the taken segments' share, release the rest; on delivery: settle
	MoneyTaken   Effect = "taken"   // capture the taken segments' share, keep that of those in doubt, release the rest
	MoneyRelease Effect = "release" // release all
	MoneySettle  Effect = "settle"  // if the contract charges on delivery: capture what was delivered, release the rest
)

// EventEffect says what an edge does to the recipient's event, which frequency
// rules count.
type EventEffect string

// Recipient event effects.
const (
	EventNone   EventEffect = "none"
	EventInsert EventEffect = "insert" // counts from the decision on
	EventStamp  EventEffect = "stamp"  // time and channel of the submission, set once
	EventRemove EventEffect = "remove" // never left the platform
)

// Edge is one permitted change of state with all that goes with it. Evidence is
// the record kind written in the same transaction.
type Edge struct {
	From, To State
	By       []Actor
	Money    Effect
	Event    EventEffect
	Evidence string
}

var edges = append([]Edge{
	{New, Permitted, []Actor{ActorGate}, MoneyHold, EventInsert, "decision"},
	{New, Refused, []Actor{ActorGate}, MoneyNone, EventNone, "decision"},
	{New, Held, []Actor{ActorGate}, MoneyHold, EventNone, "decision"},
	{New, Deferred, []Actor{ActorGate}, MoneyHold, EventNone, "decision"},
	{New, Scheduled, []Actor{ActorGate}, MoneyHold, EventNone, "decision"},

	{Permitted, Queued, []Actor{ActorGate}, MoneyKeep, EventNone, ""},

	{Queued, Submitting, []Actor{ActorDispatch}, MoneyKeep, EventStamp, ""},
	{Queued, Cancelled, []Actor{ActorDispatch, ActorCustomer}, MoneyRelease, EventRemove, "cancellation"},
	{Queued, Expired, []Actor{ActorDispatch, ActorSweeper}, MoneyRelease, EventRemove, "cancellation"},
	{Queued, InDoubt, []Actor{ActorSweeper}, MoneyKeep, EventNone, "submission"}, // restored from a backup
	{Queued, Queued, []Actor{ActorGate}, MoneyRehold, EventNone, "decision"},
	{Queued, Queued, []Actor{ActorDispatch}, MoneyKeep, EventNone, ""}, // to another channel of its permit
	{Queued, Held, []Actor{ActorGate}, MoneyRehold, EventRemove, "decision"},
	{Queued, Deferred, []Actor{ActorGate}, MoneyKeep, EventRemove, "decision"},
	{Queued, Refused, []Actor{ActorGate}, MoneyRelease, EventRemove, "decision"},

	{Submitting, Submitted, []Actor{ActorDispatch}, MoneyCapture, EventNone, "submission"},
	{Submitting, Queued, []Actor{ActorDispatch}, MoneyKeep, EventNone, "submission"}, // certainly not taken
	{Submitting, Failed, []Actor{ActorDispatch}, MoneyRelease, EventRemove, "submission"},
	{Submitting, InDoubt, []Actor{ActorDispatch}, MoneyTaken, EventNone, "submission"},

	// A report supplies the carrier's id: what it is about was taken (P6).
	{InDoubt, Submitted, []Actor{ActorInbound}, MoneyCapture, EventNone, "report"},
	{InDoubt, Delivered, []Actor{ActorInbound}, MoneyCapture, EventNone, "report"},
	{InDoubt, Failed, []Actor{ActorInbound}, MoneyCapture, EventNone, "report"},
	{InDoubt, Failed, []Actor{ActorPerson}, MoneyRelease, EventNone, "cancellation"}, // the carrier's statement does not have it

	{Submitted, Delivered, []Actor{ActorInbound}, MoneySettle, EventNone, "report"},
	{Submitted, Failed, []Actor{ActorInbound}, MoneySettle, EventNone, "report"},
	{Submitted, Unknown, []Actor{ActorSweeper}, MoneySettle, EventNone, "report"},

	{Unknown, Delivered, []Actor{ActorInbound}, MoneyNone, EventNone, "report"},
	{Unknown, Failed, []Actor{ActorInbound}, MoneyNone, EventNone, "report"},
}, releaseEdges()...)

// releaseEdges are those of the states without a permit: on release they pass
// the gate as new decisions, and until then they may be cancelled or expire.
func releaseEdges() []Edge {
	out := []Edge{{Held, Expired, []Actor{ActorSweeper}, MoneyRelease, EventNone, "cancellation"}} // the others' moment comes, and refuses
	for _, from := range []State{Held, Deferred, Scheduled} {
		for _, to := range []State{Held, Deferred} { // asked again, a message may have to wait on: the rules of that moment say
			out = append(out, Edge{from, to, []Actor{ActorGate}, MoneyRehold, EventNone, "decision"})
		}
		out = append(out,
			Edge{from, Permitted, []Actor{ActorGate}, MoneyRehold, EventInsert, "decision"},
			Edge{from, Refused, []Actor{ActorGate}, MoneyRelease, EventNone, "decision"},
			Edge{from, Cancelled, []Actor{ActorCustomer}, MoneyRelease, EventNone, "cancellation"},
		)
	}
	return out
}

// Edges returns a copy of the whole transition table.
func Edges() []Edge { return append([]Edge(nil), edges...) }

// pairs are the moves of the table, whoever makes them.
var pairs = func() map[[2]State]bool {
	out := map[[2]State]bool{}
	for _, e := range edges {
		out[[2]State{e.From, e.To}] = true
	}
	return out
}()

// Moves tells whether anybody may move a message so; one that stays where it is may change
// otherwise.
func Moves(from, to State) bool { return from == to || pairs[[2]State{from, to}] }

// Take returns the edge that actor may take, or an error that names the move.
func Take(from, to State, by Actor) (Edge, error) {
	known := false
	for _, e := range edges {
		if e.From != from || e.To != to {
			continue
		}
		known = true
		for _, a := range e.By {
			if a == by {
				return e, nil
			}
		}
	}
	if known {
		return Edge{}, fmt.Errorf("%s may not move a message from %q to %q", by, from, to)
	}
	return Edge{}, fmt.Errorf("no message moves from %q to %q", from, to)
}
