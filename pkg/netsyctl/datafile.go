package netsyctl

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

func datafileCommand() *cli.Command {
	return &cli.Command{
		Name:  "datafile",
		Usage: "look into chunks and snapshots: files, and objects of a bucket",
		Description: `A FILE is a path; one that begins with bucket: is a key of the bucket that --config, --context or --dir
names (netsyctl log and netsyctl snapshot list show the keys).

  netsyctl datafile inspect backup/chunks/0000000000000000001.netsy
  netsyctl datafile cat --config cluster.jsonc bucket:chunks/0000000000000000001.netsy
  netsyctl datafile verify *.netsy
  netsyctl datafile diff old.netsy new.netsy`,
		Subcommands: []*cli.Command{datafileInspectCommand(), datafileCatCommand(), datafileVerifyCommand(), datafileDiffCommand()},
	}
}

const bucketPrefix = "bucket:"

// dataFile is one that is being read.
type dataFile struct {
	name string
	size int64
	*datafile.Reader
	io.Closer
}

// openDataFile opens a path, or a key of a bucket. That the header is damaged is an error like
// any other; isDamage tells.
func openDataFile(c *cli.Context, name string) (*dataFile, error) {
	f := &dataFile{name: name}
	var body io.ReadCloser
	if key, ok := strings.CutPrefix(name, bucketPrefix); ok {
		st, _, err := openSource(c)
		if err != nil {
			return nil, err
		}
		o, err := st.Get(c.Context, key)
		if err != nil {
			return nil, err
		}
		f.size, body = o.Size, &wholeBody{ReadCloser: o.Body, key: key, left: o.Size}
	} else {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		if fi, err := file.Stat(); err != nil || fi.IsDir() {
			return nil, errors.Join(err, file.Close(), fmt.Errorf("%s is not a file", name))
		} else {
			f.size = fi.Size()
		}
		body = file
	}
	f.Closer = body
	var err error
	if f.Reader, err = datafile.NewReader(body); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), body.Close())
	}
	return f, nil
}

// Close ends the reading.
func (f *dataFile) Close() error {
	f.Reader.Close()
	return f.Closer.Close()
}

// wholeBody is the body of an object. One that a connection cut short is an error of the
// store, not a damaged file.
type wholeBody struct {
	io.ReadCloser
	key  string
	left int64
}

func (b *wholeBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if err == io.EOF && b.left > 0 || err != nil && err != io.EOF {
		err = objectstore.Errorf(objectstore.ErrUnavailable, "get", b.key, "%d bytes before the end: %w", b.left, err)
	}
	return n, err
}

// isDamage says whether a file was read and found not to be sound.
func isDamage(err error) bool {
	return errors.Is(err, datafile.ErrCorrupt) || errors.Is(err, datafile.ErrUnsupported)
}

// judged makes of an error one with the exit status of what judges: damage is a verdict,
// everything else keeps from one.
func judged(err error) error {
	if err == nil || isDamage(err) {
		return err
	}
	return &unjudgedError{err}
}

// each calls fn for every record up to the end of a sound file.
func (f *dataFile) each(fn func(*record.Record) error) error {
	for {
		r, err := f.Next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", f.name, err)
		}
		if err := fn(&r); err != nil {
			return err
		}
	}
}
