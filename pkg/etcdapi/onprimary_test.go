package etcdapi

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/netsy-io/netsy/pkg/primary"
)

// fakeBackend has the Primaries of a test, one after the other; the last one stays.
type fakeBackend struct {
	Backend
	primaries []Primary
	asked     int
}

func (b *fakeBackend) Primary(ctx context.Context) (Primary, error) {
	if len(b.primaries) == 0 {
		<-ctx.Done()
		return nil, errors.Join(primary.ErrNotPrimary, ctx.Err())
	}
	p := b.primaries[min(b.asked, len(b.primaries)-1)]
	b.asked++
	return p, nil
}

func (b *fakeBackend) Leader() LeaderView { return nil } // no watch is opened

// reign is a Primary that answers everything with err.
type reign struct {
	Primary
	err error
}

func ask(b *fakeBackend) error {
	_, err := onPrimary(context.Background(), New(Options{Backend: b}), func(_ context.Context, p Primary) (struct{}, error) {
		return struct{}{}, p.(*reign).err
	})
	return err
}

func TestOnPrimary(t *testing.T) {
	failed := errors.New("failed")
	draining, gone, done := &reign{err: primary.ErrDraining}, &reign{err: primary.ErrNotPrimary}, &reign{}
	tests := []struct {
		name      string
		primaries []Primary
		want      error
		asked     int
	}{
		{"done at once", []Primary{done}, nil, 1},
		{"done by the next after certainly not done", []Primary{draining, draining, gone, done}, nil, 4},
		{"an unknown outcome is never repeated", []Primary{&reign{err: primary.ErrUnknownOutcome}, done}, primary.ErrUnknownOutcome, 1},
		{"nor if it also says not Primary", []Primary{&reign{err: errors.Join(primary.ErrUnknownOutcome, primary.ErrNotPrimary)}, done}, primary.ErrUnknownOutcome, 1},
		{"any other error stands", []Primary{&reign{err: failed}, done}, failed, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &fakeBackend{primaries: tt.primaries}
				if err := ask(b); !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
				if b.asked != tt.asked {
					t.Errorf("asked %d times, want %d", b.asked, tt.asked)
				}
			})
		})
	}
}

// TestOnPrimaryWaits: nothing spins on a Primary that drains, and nothing waits for ever.
func TestOnPrimaryWaits(t *testing.T) {
	for name, primaries := range map[string][]Primary{"draining": {&reign{err: primary.ErrDraining}}, "none": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, b := time.Now(), &fakeBackend{primaries: primaries}
				if err := ask(b); err == nil {
					t.Error("want an error")
				}
				if took := time.Since(began); took != 10*time.Second {
					t.Errorf("gave up after %v, want the request timeout", took)
				}
				if most := int(10*time.Second/askAgain) + 1; b.asked > most {
					t.Errorf("asked %d times, want at most %d", b.asked, most)
				}
			})
		})
	}
}
