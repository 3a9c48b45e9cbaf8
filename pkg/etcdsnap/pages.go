package etcdsnap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
)

// bbolt trusts its file: it follows whatever page numbers and offsets it finds, and a
// damaged file ends the process in ways that can't be caught (its own Check does so
// in a goroutine of its own). So checkPages goes over all pages that can be reached
// before bbolt opens the file: after it, no access leads out of the file or in a circle.
//
// The layout, in the byte order of the machine: a page begins with id (8 bytes), flags
// (2), count (2) and overflow (4), the number of further pages it takes up. Pages 0 and 1
// are meta pages, of which the newer valid one counts. A branch page has count elements
// of offset (4), key size (4), page id (8); a leaf page of flags (4), offset (4), key
// size (4), value size (4). Offsets count from the element. The value of a nested bucket
// is its root page's id (0: the page follows inline) and a sequence number, 8 bytes each.
const (
	pageHeader  = 16
	elementSize = 16
	bucketSize  = 16
	metaSize    = 64

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagMeta     = 0x04
	bucketInLeaf = 0x01

	boltMagic   = 0xED0CDAED
	boltVersion = 2

	minPageSize = 1 << 10
	maxPageSize = 64 << 10

	// maxDepth bounds the descent: with two keys a page, the fewest that bbolt keeps,
	// 64 levels hold more pages than there can be.
	maxDepth = 64
)

var native = binary.NativeEndian

// meta is what counts of a meta page.
type meta struct {
	pageSize          uint32
	root, pages, txid uint64
}

// checkPages checks the structure of the database in the first size bytes of r.
// Memory: a bit for each page, and the pages from the root to a leaf.
func checkPages(r io.ReaderAt, size int64) error {
	m, err := newestMeta(r, size)
	if err != nil {
		return err
	}
	if need := int64(m.pages) * int64(m.pageSize); m.pages > uint64(size) || need > size {
		return corrupt("", "cut off: it has %d bytes of the %d that its first page speaks of", size, need)
	}
	c := &pageCheck{r: r, pageSize: int64(m.pageSize), pages: m.pages, seen: make([]uint64, m.pages/64+1)}
	return c.tree(m.root, nil, nil, 0)
}

func newestMeta(r io.ReaderAt, size int64) (meta, error) {
	first, err := readMeta(r, size, 0)
	if err == nil {
		second, err2 := readMeta(r, size, int64(first.pageSize))
		if err2 == nil && second.txid > first.txid && second.pageSize == first.pageSize {
			return second, nil
		}
		return first, nil
	}
	for at := int64(minPageSize); at <= maxPageSize; at *= 2 {
		if second, err2 := readMeta(r, size, at); err2 == nil && int64(second.pageSize) == at {
			return second, nil
		}
	}
	return meta{}, err
}

func readMeta(r io.ReaderAt, size, at int64) (m meta, err error) {
	var b [pageHeader + metaSize]byte
	if at+int64(len(b)) > size {
		return m, corrupt("", "%d bytes are too few for a database", size)
	}
	if _, err := r.ReadAt(b[:], at); err != nil {
		return m, fmt.Errorf("etcdsnap: read: %w", err)
	}
	if native.Uint16(b[8:])&flagMeta == 0 {
		return m, corrupt("", "it doesn't begin like a bbolt database")
	}
	v := b[pageHeader:]
	sum := fnv.New64a()
	sum.Write(v[:metaSize-8])
	m = meta{pageSize: native.Uint32(v[8:]), root: native.Uint64(v[16:]), pages: native.Uint64(v[40:]), txid: native.Uint64(v[48:])}
	switch {
	case native.Uint32(v) != boltMagic:
		return m, corrupt("", "it doesn't begin like a bbolt database")
	case native.Uint32(v[4:]) != boltVersion:
		return m, corrupt("", "bbolt's format has version %d, not %d", native.Uint32(v[4:]), boltVersion)
	case native.Uint64(v[metaSize-8:]) != sum.Sum64():
		return m, corrupt("", "the first page's checksum doesn't match")
	case m.pageSize < minPageSize || m.pageSize > maxPageSize || m.pageSize&(m.pageSize-1) != 0:
		return m, corrupt("", "a page size of %d bytes", m.pageSize)
	}
	return m, nil
}

// pageCheck is one walk over all pages.
type pageCheck struct {
	r        io.ReaderAt
	pageSize int64
	pages    uint64
	seen     []uint64 // a bit for each page
}

// tree checks the pages from id down: their keys ascend, from low (included) to high
// (excluded); nil is no bound.
func (c *pageCheck) tree(id uint64, low, high []byte, depth int) error {
	if depth > maxDepth {
		return corrupt(pageName(id), "deeper than %d pages", maxDepth)
	}
	b, err := c.read(id)
	if err != nil {
		return err
	}
	return c.page(pageName(id), b, low, high, depth)
}

// read returns a page with its overflow, each only once.
func (c *pageCheck) read(id uint64) ([]byte, error) {
	if id < 2 || id >= c.pages {
		return nil, corrupt(pageName(id), "there are only %d pages", c.pages)
	}
	var h [pageHeader]byte
	if _, err := c.r.ReadAt(h[:], int64(id)*c.pageSize); err != nil {
		return nil, fmt.Errorf("etcdsnap: read: %w", err)
	}
	self, overflow := native.Uint64(h[:]), uint64(native.Uint32(h[12:]))
	switch {
	case self != id:
		return nil, corrupt(pageName(id), "it says that it is page %d", self)
	case overflow >= c.pages-id:
		return nil, corrupt(pageName(id), "it goes on for %d pages, but there are only %d", overflow, c.pages)
	}
	for p := id; p <= id+overflow; p++ {
		if c.seen[p/64]&(1<<(p%64)) != 0 {
			return nil, corrupt(pageName(p), "it is in two places")
		}
		c.seen[p/64] |= 1 << (p % 64)
	}
	b := make([]byte, (1+int64(overflow))*c.pageSize)
	if _, err := c.r.ReadAt(b, int64(id)*c.pageSize); err != nil {
		return nil, fmt.Errorf("etcdsnap: read: %w", err)
	}
	return b, nil
}

// page checks one page and what hangs below it.
func (c *pageCheck) page(name string, b, low, high []byte, depth int) error {
	flags, count := native.Uint16(b[8:]), int(native.Uint16(b[10:]))
	switch {
	case flags != flagBranch && flags != flagLeaf:
		return corrupt(name, "its kind is %#x", flags)
	case pageHeader+count*elementSize > len(b):
		return corrupt(name, "%d elements don't fit", count)
	case flags == flagBranch && count == 0:
		return corrupt(name, "a branch without elements")
	}
	previous := low
	for i := range count {
		e, err := element(b, i, flags)
		if err != nil {
			return corrupt(name, "element %d: %w", i, err)
		}
		if order := bytes.Compare(previous, e.key); previous != nil && (order > 0 || order == 0 && i > 0) || high != nil && bytes.Compare(e.key, high) >= 0 {
			return corrupt(name, "element %d: its key is out of order", i)
		}
		previous = e.key
		if flags == flagLeaf {
			if err := c.leaf(name, e, depth); err != nil {
				return err
			}
			continue
		}
		next := high
		if i+1 < count {
			n, err := element(b, i+1, flags)
			if err != nil {
				return corrupt(name, "element %d: %w", i+1, err)
			}
			next = n.key
		}
		if err := c.tree(e.child, e.key, next, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// leaf checks an element of a leaf: only nested buckets lead on.
func (c *pageCheck) leaf(name string, e pageElement, depth int) error {
	if e.flags&bucketInLeaf == 0 {
		return nil
	}
	if len(e.value) < bucketSize {
		return corrupt(name, "bucket %q has %d bytes", e.key, len(e.value))
	}
	root, inline := native.Uint64(e.value), e.value[bucketSize:]
	if root != 0 {
		return c.tree(root, nil, nil, depth+1)
	}
	if len(inline) < pageHeader || native.Uint16(inline[8:]) != flagLeaf {
		return corrupt(name, "bucket %q: no page follows", e.key)
	}
	if depth >= maxDepth {
		return corrupt(name, "deeper than %d pages", maxDepth)
	}
	return c.page(fmt.Sprintf("%s, bucket %q", name, e.key), inline, nil, nil, maxDepth)
}

type pageElement struct {
	flags      uint32
	key, value []byte
	child      uint64
}

// element cuts element i out of a page that has room for its header.
func element(b []byte, i int, pageFlags uint16) (e pageElement, err error) {
	at := pageHeader + i*elementSize
	h := b[at : at+elementSize]
	var offset, keySize, valueSize uint64
	if pageFlags == flagBranch {
		offset, keySize, e.child = uint64(native.Uint32(h)), uint64(native.Uint32(h[4:])), native.Uint64(h[8:])
	} else {
		e.flags = native.Uint32(h)
		offset, keySize, valueSize = uint64(native.Uint32(h[4:])), uint64(native.Uint32(h[8:])), uint64(native.Uint32(h[12:]))
	}
	rest := uint64(len(b) - at)
	if offset > rest || keySize+valueSize > rest-offset {
		return e, fmt.Errorf("its %d+%d bytes at %d lie outside of the page", keySize, valueSize, offset)
	}
	data := b[at+int(offset):]
	e.key, e.value = data[:keySize:keySize], data[keySize:keySize+valueSize:keySize+valueSize]
	return e, nil
}

func pageName(id uint64) string { return fmt.Sprintf("page %d", id) }
