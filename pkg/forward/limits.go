package forward

const (
	// MaxRequestBytes bounds one request: what etcd's API takes (1.5 MiB) and as much
	// room for gRPC's and our own framing as etcd leaves.
	MaxRequestBytes = 2 << 20

	// MaxMessageBytes is what gRPC must let pass, in both directions. Answers can be
	// larger than requests: a transaction may read a list. 64 MiB is beyond any that
	// Kubernetes asks for, and little enough to hold twice in memory.
	MaxMessageBytes = 64 << 20

	// framing bounds what a message has besides the etcd message in it.
	framing = 64

	// maxWaiting bounds the calls that wait to be sent. It is the Primary's own bound:
	// behind so many a call would time out anyway.
	maxWaiting = 10000

	// maxServed bounds the requests of one stream that are worked on. At the rate that
	// a Primary commits, these are several batches; what comes beyond waits unread,
	// which slows the sender down.
	maxServed = 4096

	// maxErrorText bounds what the text of an error adds to a message.
	maxErrorText = 4096
)
