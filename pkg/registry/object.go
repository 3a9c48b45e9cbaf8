package registry

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// object is a JSON object with its fields left raw, in which the fields that
// this version knows are read and replaced and all others are carried over.
type object map[string]json.RawMessage

var (
	errDuplicate = errors.New("field appears twice")
	errMissing   = errors.New("field is missing")
	errTrailing  = errors.New("bytes follow the document")
)

// parseObject reads one JSON object and nothing else. Field names are exact and
// each may appear once.
func parseObject(b []byte) (object, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	} else if t != json.Delim('{') {
		return nil, fmt.Errorf("not a JSON object")
	}
	o := object{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("not JSON: %w", err)
		}
		name := t.(string) // the decoder allows nothing else as a field name
		if _, dup := o[name]; dup {
			return nil, fmt.Errorf("%q: %w", name, errDuplicate)
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf("%q: not JSON: %w", name, err)
		}
		o[name] = v
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errTrailing
	}
	return o, nil
}

// get reads a required field into v. null is no value.
func (o object) get(name string, v any) error {
	raw, ok := o[name]
	if !ok || bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return errMissing
	}
	if err := json.Unmarshal(raw, v); err != nil {
		var te *json.UnmarshalTypeError
		if errors.As(err, &te) {
			return fmt.Errorf("is a JSON %s, expected %s", te.Value, te.Type)
		}
		return err
	}
	return nil
}

// set replaces a field. v is of a type that always marshals.
func (o object) set(name string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("registry: marshalling %q: %v", name, err))
	}
	o[name] = b
}

func (o object) clone() object {
	c := make(object, len(o)+8)
	for k, v := range o {
		c[k] = v
	}
	return c
}

// bytes gives the document as written: indented, since people read it.
func (o object) bytes() []byte {
	b, err := json.MarshalIndent(map[string]json.RawMessage(o), "", "  ")
	if err != nil {
		panic(fmt.Sprintf("registry: marshalling a document: %v", err))
	}
	return append(b, '\n')
}

// fields reads many fields of one document and keeps the first error.
type fields struct {
	key, path string
	obj       object
	err       error
}

func (f *fields) get(name string, v any) {
	if f.err != nil {
		return
	}
	if err := f.obj.get(name, v); err != nil {
		f.fail(name, err)
	}
}

// optional reads a field that documents of earlier versions lack; v stays as it is
// then. null is no value here either.
func (f *fields) optional(name string, v any) {
	if _, ok := f.obj[name]; ok {
		f.get(name, v)
	}
}

func (f *fields) fail(name string, err error) {
	if f.err == nil {
		f.err = &DamagedError{Key: f.key, Field: f.path + name, Err: err}
	}
}

// child reads a required field that is itself an object.
func (f *fields) child(name string) *fields {
	var raw json.RawMessage
	f.get(name, &raw)
	if f.err != nil {
		return &fields{key: f.key, err: f.err}
	}
	o, err := parseObject(raw)
	if err != nil {
		f.fail(name, err)
	}
	return &fields{key: f.key, path: f.path + name + ".", obj: o, err: f.err}
}

func newWriteID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
