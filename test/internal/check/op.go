package check

import (
	"fmt"
	"time"
)

// Kind is what a call asks for.
type Kind int

const (
	Put Kind = iota
	Delete
	Read // of one key, or of a range
)

func (k Kind) String() string { return [...]string{"put", "delete", "read"}[k] }

// Always is the If of a write without a condition.
const Always = -1

// Op is one call as its client saw it. Every put of a run writes a value of its own,
// so that each write can be recognised wherever it turns up.
type Op struct {
	Client string // who asked: one call at a time
	Node   string // asked
	Kind   Kind
	Key    string
	End    string // of a Read: the range's end as in etcd's API; "" reads the one key
	Value  string // of a Put
	If     int64  // of a write: the mod revision that the key must have, 0 for no such key, or Always

	Serializable bool  // of a Read: may be of the past
	At           int64 // of a Read: the revision asked for; 0: the present

	Outcome Outcome
	// Rev is the revision of the answer's header: valid if Answered. A deletion of
	// nothing is Refused, without an error.
	Rev int64
	// Saw, if Shown, is what a Read found, in the order of keys, or what the failure
	// branch of a refused write read of its key.
	Saw   []Event
	Shown bool
	Err   error // nil if there was an answer

	// Call and Return are when the call began and ended, since the run did. Return is
	// of no meaning while the Outcome of a write is Unknown.
	Call, Return time.Duration
}

// Write reports whether the op changes something.
func (o Op) Write() bool { return o.Kind != Read }

// Answered reports whether the op has a header revision: it happened, or its
// condition did not hold.
func (o Op) Answered() bool { return o.Err == nil && o.Outcome != Unknown }

// Linearizable reports whether the op's answer tells of the present.
func (o Op) Linearizable() bool { return o.Write() || !o.Serializable && o.At == 0 }

func (o Op) String() string {
	what := fmt.Sprintf("%v %s", o.Kind, o.Key)
	if o.Kind == Put {
		what += "=" + o.Value
	}
	if o.End != "" {
		what += ".." + o.End
	}
	return fmt.Sprintf("%s (%s asked %s at %v..%v: %v, revision %d, %v)", what, o.Client, o.Node, o.Call, o.Return, o.Outcome, o.Rev, o.Err)
}
