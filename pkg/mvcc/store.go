package mvcc

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	_ "github.com/mattn/go-sqlite3" // the "sqlite3" driver

	"github.com/netsy-io/netsy/pkg/record"
)

// readers bounds the connections that read history (old revisions, watch catch-up,
// uploads). They are CPU-bound in SQLite; more would only add memory (2 MiB of page
// cache each). Further readers wait.
const readers = 4

// Options say where the store lives and whose it is. All but Logger and Metrics are needed.
type Options struct {
	Dir       string // data directory; made if missing, locked while open
	ClusterID string
	NodeID    string
	Logger    hclog.Logger
	Metrics   *Metrics

	// ValueCache bounds the memory for the values of live keys, in bytes; what doesn't fit is read from
	// SQLite. 0: no bound. Keys are always in memory.
	ValueCache int64

	// ReadFailed is told of values that can't be read though the store has them: ErrDisk, ErrCorrupt. It
	// is called from wherever they were asked for, and must not block. Who asked gets the error, too.
	ReadFailed func(error)
}

func (o *Options) setDefaults() error {
	for name, v := range map[string]string{"Dir": o.Dir, "ClusterID": o.ClusterID, "NodeID": o.NodeID} {
		if v == "" {
			return fmt.Errorf("mvcc: option %s is empty", name)
		}
	}
	if o.ValueCache < 0 {
		return fmt.Errorf("mvcc: option ValueCache is %d", o.ValueCache)
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.ReadFailed == nil {
		o.ReadFailed = func(error) {}
	}
	return nil
}

// Store is one node's copy of the history and its state. Its methods are safe for
// concurrent use; those that write wait for one another. See DESIGN.md.
type Store struct {
	log     hclog.Logger
	metrics *Metrics
	dir     string

	lock    *os.File
	writeDB *sql.DB
	writer  *writer
	readDB  *sql.DB
	cache   *valueCache

	values    *valueReaders
	sequenced *valueReaders // for a Working, which mustn't wait for lists

	readFailed func(error)
	unreadable atomic.Pointer[[]rowPos] // where a read failed last, for CheckDisk

	incarnation atomic.Pointer[string]
	startCount  int64

	state     atomic.Pointer[durable]   // as last committed
	logged    atomic.Pointer[loggedPos] // may be ahead of state.logged
	compacted atomic.Int64              // see CompactRevision
	published atomic.Pointer[Snapshot]
	pins      pins
	publishMu sync.Mutex // publishing, and copying the published tree

	publication chan struct{} // closed at the next publication; nil while nobody waits. Guarded by publishMu.

	load     atomic.Pointer[Load] // under way
	poisoned atomic.Pointer[error]
	closed   atomic.Bool
	size     atomic.Pointer[fileSize]
	measured time.Time // size was; the writer's

	ctx    context.Context // ends with Close; for work that no caller's context bounds
	cancel context.CancelFunc
	purger *purger
}

// Open locks the data directory, opens or makes the SQLite file, checks that it is
// whole and belongs to this node, and counts the start. Errors: ErrLocked,
// *IdentityError, ErrCorrupt, ErrNewerSchema, ErrDisk.
func Open(ctx context.Context, o Options) (_ *Store, err error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	s := &Store{log: o.Logger, metrics: o.Metrics, dir: o.Dir, cache: &valueCache{bound: o.ValueCache, metrics: o.Metrics}, readFailed: o.ReadFailed}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, s.release())
		}
	}()
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("mvcc: make data directory: %w", err)
	}
	if s.lock, err = lockDir(o.Dir); err != nil {
		return nil, err
	}
	if err := s.openFile(ctx, o); err != nil {
		return nil, err
	}
	s.published.Store(&Snapshot{tree: newTree()})
	s.purger = startPurger(s)
	return s, nil
}

func (s *Store) openFile(ctx context.Context, o Options) (err error) {
	path, err := filepath.Abs(filepath.Join(o.Dir, dbName))
	if err != nil {
		return fmt.Errorf("mvcc: data directory: %w", err)
	}
	if err := dropStale(path); err != nil {
		return err
	}
	if s.writeDB, err = sql.Open("sqlite3", dsn(path, true)); err != nil {
		return sqlError("open", err)
	}
	conn, err := s.writeDB.Conn(ctx)
	if err != nil {
		return sqlError("open", err)
	}
	s.writer = &writer{conn: conn}
	if err := migrate(ctx, conn, path); err != nil {
		return err
	}
	if err := s.identify(ctx, conn, o); err != nil {
		return err
	}
	if err := checkTrusted(path, s.Incarnation()); err != nil {
		return err
	}
	if err := fixIndexes(ctx, conn); err != nil {
		return sqlError("index", err)
	}
	if err := syncDir(o.Dir); err != nil {
		return fmt.Errorf("mvcc: sync data directory: %w", err)
	}
	if err := makeWALRoom(path + "-wal"); err != nil {
		return err
	}
	if err := s.writer.prepare(); err != nil {
		return err
	}
	d, err := readDurable(ctx, conn)
	if err != nil {
		return err
	}
	if err := s.measure(s.writer); err != nil {
		return sqlError("read the file's size", err)
	}
	if err := discard(conn, stagingTable); err != nil { // of a load that a crash ended
		return sqlError("drop a half load", err)
	}
	s.install(&d)
	s.logged.Store(&d.logged)
	if s.readDB, err = sql.Open("sqlite3", dsn(path, false)); err != nil {
		return sqlError("open for reading", err)
	}
	s.readDB.SetMaxOpenConns(readers)
	s.readDB.SetMaxIdleConns(readers)
	if s.values, err = newValueReaders(path, readers); err != nil {
		return err
	}
	if s.sequenced, err = newValueReaders(path, 1); err != nil {
		return err
	}
	return nil
}

// dropStale removes what a file that is gone left beside it: it must not be
// replayed into a new one, nor said of it. An empty file is one that was never written.
func dropStale(path string) error {
	st, err := os.Stat(path)
	switch {
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("mvcc: %w", err)
	case err == nil && st.Size() >= minFileSize:
		return nil
	case err == nil && st.Size() > 0:
		return fmt.Errorf("%w: %s has %d bytes", ErrCorrupt, path, st.Size())
	}
	for _, suffix := range beside {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("mvcc: remove stale %s: %w", path+suffix, err)
		}
	}
	return nil
}

// minFileSize is SQLite's smallest page; it takes anything below it for a new file.
const minFileSize = 512

// Close stops the background work, stores what was kept lazily and releases the
// directory. Snapshots stay readable.
func (s *Store) Close() error {
	if s.closed.Load() {
		return nil
	}
	s.cancel()
	s.purger.done.Wait()
	var err error
	if s.state.Load().logged != *s.logged.Load() && s.poisoned.Load() == nil {
		err = s.write("close", func(*writer, *durable) error { return nil })
	}
	if s.closed.Swap(true) {
		return nil
	}
	return errors.Join(err, s.endLoad(), s.release())
}

func (s *Store) release() error {
	s.cancel()
	var errs []error
	for _, v := range []*valueReaders{s.values, s.sequenced} {
		if v != nil {
			errs = append(errs, v.close())
		}
	}
	if s.readDB != nil {
		errs = append(errs, s.readDB.Close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.close())
	}
	if s.writeDB != nil {
		errs = append(errs, s.writeDB.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// install makes a committed state the present one.
func (s *Store) install(d *durable) {
	s.state.Store(d)
	s.sawCompacted(d.compact)
	s.metrics.observeState(d)
}

// Tail is the position of the last stored record; zero when there is none.
func (s *Store) Tail() record.Pos { return s.state.Load().tail }

// SetLogged remembers that everything up to pos is in the object log, the last of it
// in the chunk that begins at first. It is stored with the next write: knowing an
// older position costs time, nothing else. Older positions than known are ignored.
func (s *Store) SetLogged(first record.Revision, pos record.Pos) {
	for {
		old := s.logged.Load()
		if !old.pos.Less(pos) {
			return
		}
		if s.logged.CompareAndSwap(old, &loggedPos{first: first, pos: pos}) {
			st := s.state.Load()
			s.purger.logged(purgeTarget(st.compact, pos.Revision), st.purged)
			return
		}
	}
}

// Logged returns what SetLogged was last told; ok is false when nothing is known.
func (s *Store) Logged() (first record.Revision, pos record.Pos, ok bool) {
	l := s.logged.Load()
	return l.first, l.pos, l.pos.Revision > 0
}
