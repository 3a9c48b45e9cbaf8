package mvcc

import "github.com/netsy-io/netsy/pkg/record"

// promise is the rule of Store.Promise.
func promise(d *durable, e record.Epoch) error {
	if e < d.promised {
		return &PromisedError{Promised: d.promised, Epoch: e}
	}
	d.promised = e
	return nil
}

// serve is the rule of Store.Serve.
func serve(d *durable, e record.Epoch) error {
	if e <= d.served {
		return &ServedError{Served: d.served, Epoch: e}
	}
	if err := promise(d, e); err != nil {
		return err
	}
	d.served = e
	return nil
}

// mayStore is the promise as it binds storing: records of a reign older than the
// promised one are refused. Records read from the object log are exempt: they are
// the history whoever reigns.
func mayStore(d *durable, recs []record.Record) error {
	for i := range recs {
		if recs[i].Epoch < d.promised {
			return &PromisedError{Promised: d.promised, Epoch: recs[i].Epoch}
		}
	}
	return nil
}
