package file

import (
	"os"
	"sync"
)

// spares has room for one temporary file that was made before it is needed, while the write before was
// waiting for the disk. To make one can take longer than to write it: ext4 without a journal
// searches for an inode that wasn't deleted in the last minutes. It is locked as others are, so the next Open
// removes it once this process is gone. nil: none are made.
type spares struct {
	made chan *temp

	mu   sync.Mutex
	more bool // there was a write: there will be more
	busy bool // one is being made
}

func newSpares() *spares { return &spares{made: make(chan *temp, 1)} }

// takeTemp returns a temporary file that is empty.
func (s *Store) takeTemp() (*temp, error) {
	if s.spares != nil {
		select {
		case t := <-s.spares.made:
			if _, err := os.Lstat(t.path); err == nil {
				return t, nil
			}
			_ = t.discard() // its directory was removed, and perhaps made again
		default:
		}
	}
	return s.createTemp()
}

// begin tells whether to make one now: not at the first write, as whoever writes once should leave nothing.
func (p *spares) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.more || p.busy || len(p.made) > 0 {
		p.more = true
		return false
	}
	p.busy = true
	return true
}

func (p *spares) end(t *temp, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy = false; err == nil { // else it is for the next write to say
		p.made <- t
	}
}

// makeSpare makes a temporary file for the next write meanwhile; wait returns when it is made.
func (s *Store) makeSpare() (wait func()) {
	if s.spares == nil || !s.spares.begin() {
		return func() {}
	}
	var g sync.WaitGroup
	g.Go(func() { s.spares.end(s.createTemp()) })
	return g.Wait
}
