package instrumented

import (
	"context"
	"io"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// Wrap counts what passes to inner.
func Wrap(inner objectstore.Store, m *Metrics) objectstore.Store {
	return &store{inner: inner, m: m}
}

type store struct {
	inner objectstore.Store
	m     *Metrics
}

func (s *store) String() string { return s.inner.String() }

func (s *store) Get(ctx context.Context, key string) (*objectstore.Object, error) {
	start := time.Now()
	o, err := s.inner.Get(ctx, key)
	return s.opened(start, o, err)
}

func (s *store) GetRange(ctx context.Context, key string, offset, length int64) (*objectstore.Object, error) {
	start := time.Now()
	o, err := s.inner.GetRange(ctx, key, offset, length)
	return s.opened(start, o, err)
}

func (s *store) opened(start time.Time, o *objectstore.Object, err error) (*objectstore.Object, error) {
	s.m.observe("get", start, err)
	if err != nil {
		return nil, err
	}
	return &objectstore.Object{Info: o.Info, Body: &countedBody{o.Body, s.m}}, nil
}

func (s *store) Put(ctx context.Context, key string, body []byte, cond objectstore.Condition) (objectstore.Version, error) {
	start := time.Now()
	v, err := s.inner.Put(ctx, key, body, cond)
	s.written(start, int64(len(body)), err)
	return v, err
}

func (s *store) PutStream(ctx context.Context, key string, body io.ReadSeeker, size int64, cond objectstore.Condition) (objectstore.Version, error) {
	start := time.Now()
	v, err := s.inner.PutStream(ctx, key, body, size, cond)
	s.written(start, size, err)
	return v, err
}

func (s *store) written(start time.Time, size int64, err error) {
	s.m.observe("put", start, err)
	if err == nil {
		s.m.Bytes.WithLabelValues("put").Add(float64(size))
	}
}

func (s *store) Delete(ctx context.Context, key string, cond objectstore.Condition) error {
	start := time.Now()
	err := s.inner.Delete(ctx, key, cond)
	s.m.observe("delete", start, err)
	return err
}

func (s *store) List(ctx context.Context, prefix, startAfter string, limit int) (objectstore.Page, error) {
	start := time.Now()
	p, err := s.inner.List(ctx, prefix, startAfter, limit)
	s.m.observe("list", start, err)
	return p, err
}

func (s *store) Stat(ctx context.Context, key string) (objectstore.Info, error) {
	start := time.Now()
	info, err := s.inner.Stat(ctx, key)
	s.m.observe("stat", start, err)
	return info, err
}

type countedBody struct {
	io.ReadCloser
	m *Metrics
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.m.Bytes.WithLabelValues("get").Add(float64(n))
	return n, err
}
