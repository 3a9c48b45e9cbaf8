package statuspage

import (
	"errors"
	"testing"
	"time"
)

func TestDue(t *testing.T) {
	t0 := time.Unix(1000, 0)
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	worked, failed := moments{tried: t0, read: t0}, moments{tried: t0, read: at(-60)}
	for name, c := range map[string]struct {
		m       moments
		every   time.Duration
		changed bool
		first   int // second in which it is due
	}{
		"never tried":              {moments{}, listEvery, false, 0},
		"worked":                   {worked, listEvery, false, 60},
		"worked, often":            {worked, officeEvery, false, 10},
		"worked, changed since":    {worked, listEvery, true, 2},
		"failed":                   {failed, listEvery, false, 10},
		"failed, often":            {failed, officeEvery, false, 10},
		"failed, changed since":    {failed, listEvery, true, 2},
		"failed and never read":    {moments{tried: t0}, listEvery, false, 10},
		"more often than anything": {worked, time.Second, true, 2},
	} {
		for s := range 70 {
			if got := due(at(s), c.m, c.every, c.changed); got != (s >= c.first) {
				t.Errorf("%s: after %d s: %v", name, s, got)
			}
		}
	}
}

func TestMark(t *testing.T) {
	var m moments
	m.mark(time.Unix(1, 0), errors.New("away"))
	m.mark(time.Unix(2, 0), nil)
	m.mark(time.Unix(3, 0), errors.New("away"))
	if m.read != time.Unix(2, 0) || m.tried != time.Unix(3, 0) {
		t.Errorf("%+v", m)
	}
}
