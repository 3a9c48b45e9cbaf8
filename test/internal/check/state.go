package check

import "github.com/tidwall/btree"

// state is what the keys are at some revision.
type state struct{ keys btree.Map[string, Event] }

func newState() *state { return &state{} }

func (s *state) set(e Event) {
	if e.Delete {
		s.keys.Delete(e.Key)
	} else {
		s.keys.Set(e.Key, e)
	}
}

// mod is the key's mod revision; 0 if there is no such key.
func (s *state) mod(key string) int64 {
	e, _ := s.keys.Get(key)
	return e.Rev
}

// between returns what a read of etcd's range [key, end) finds.
func (s *state) between(key, end string) (out []Event) {
	s.keys.Ascend(key, func(k string, e Event) bool {
		if !inRange(k, key, end) {
			return false
		}
		out = append(out, e)
		return true
	})
	return out
}
