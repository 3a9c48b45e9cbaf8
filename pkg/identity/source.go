package identity

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/logevent"
)

// Options opens a Source.
type Options struct {
	Files   Files
	Logger  hclog.Logger // nil: silent
	Metrics *Metrics     // nil: unregistered
}

// Source holds a process's certificate, key and CA, and follows the files: each
// handshake looks at them first, so a new certificate or CA counts from the next
// connection on, without a restart. Files are compared by content, so symlinks
// switched by cert-manager's CSI driver or by the kubelet need no special care.
//
// A state of the files that can't be used (half-written, a key of another
// certificate, another identity, expired) changes nothing: the last good one stays
// in use, and the fault is logged once, counted, and returned by Check.
//
// A Source is safe for concurrent use.
type Source struct {
	files   Files
	log     hclog.Logger
	metrics *Metrics

	mu     sync.Mutex
	cur    *material
	failed rawFiles // the contents last found bad, so that each is reported once
	broken error    // why the files on disk can't be used now; nil if cur is what they hold
}

// Open loads the files. Anything wrong with them is an error here.
func Open(o Options) (*Source, error) {
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	s := &Source{files: o.Files, log: o.Logger, metrics: o.Metrics}
	raw, err := o.Files.read()
	if err != nil {
		return nil, err
	}
	if s.cur, err = o.Files.parse(raw, time.Now()); err != nil {
		return nil, err
	}
	s.metrics.loaded(s.cur)
	return s, nil
}

// Identity returns who this process is. It never changes.
func (s *Source) Identity() Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cur.owner
}

// Check looks at the files now and says what is wrong with them, if anything. The
// last good state stays in use meanwhile.
func (s *Source) Check() error {
	_, err := s.refresh()
	return err
}

// Watch calls Check at each interval until ctx ends, so that faults are reported
// and the expiry metric is right also while no connection is being made.
func (s *Source) Watch(ctx context.Context, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			_ = s.Check() // reported by refresh itself; there is no caller to tell
		}
	}
}

// current returns the material to use for a handshake that begins now.
func (s *Source) current() *material {
	m, _ := s.refresh()
	return m
}

// refresh takes over what is on disk if it is new and good. Reading three small
// files costs far less than the handshake it serves.
func (s *Source) refresh() (*material, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, err := s.files.read()
	if err != nil {
		s.reject(rawFiles{}, err)
		return s.cur, s.broken
	}
	if raw.equal(s.cur.raw) {
		s.recovered()
		return s.cur, nil
	}
	next, err := s.files.parse(raw, time.Now())
	if err == nil && next.owner != s.cur.owner {
		err = fmt.Errorf("identity: certificate %s is now of %s, but this process is %s; restart it if that is meant",
			s.files.Cert, next.owner, s.cur.owner)
	}
	if err != nil {
		s.reject(raw, err)
		return s.cur, s.broken
	}
	s.adopt(next)
	return s.cur, nil
}

func (s *Source) adopt(next *material) {
	s.cur, s.broken, s.failed = next, nil, rawFiles{}
	s.metrics.loaded(next)
	s.log.Info("new TLS files are in use", "event", logevent.TLSReloaded, "identity", next.owner.String(), "not_after", next.pair.Leaf.NotAfter,
		"serial", next.pair.Leaf.SerialNumber.String())
}

// reject remembers why the files can't be used. The same fault is reported once,
// however many handshakes find it.
func (s *Source) reject(raw rawFiles, err error) {
	if s.broken != nil && s.broken.Error() == err.Error() && raw.equal(s.failed) {
		return
	}
	s.broken, s.failed = err, raw
	s.metrics.rejected()
	s.log.Error("new TLS files can't be used; the last good ones are", "event", logevent.TLSReloadRefused, "error", err, "using_until", s.cur.pair.Leaf.NotAfter)
}

// recovered notes that the files are again what is in use.
func (s *Source) recovered() {
	if s.broken == nil {
		return
	}
	s.broken, s.failed = nil, rawFiles{}
	s.metrics.recovered()
	s.log.Info("the TLS files are again those in use", "event", logevent.TLSReloadRecovered)
}
