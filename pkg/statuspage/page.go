// Package statuspage shows people a cluster as one process sees it: the view of netsyctl
// status as a web page on the health port, without a login, and so without anything that isn't
// for everybody (redact.go says what that is, and that /readyz beside it says more). However many look, the cluster is looked at once, and object
// storage is hardly asked at all (due.go); when nobody looks, nothing happens.
package statuspage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/clusterview"
	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/recovery"
)

// Options of a page.
type Options struct {
	ClusterID string
	Store     objectstore.Store
	Ask       recovery.Ask

	// Known is the newest word of an elector that the process has, from memory. Nil, or one
	// that returns nil: it has none.
	Known func() *peerpb.ClusterState

	Role, Name string        // of the process, for people: netsy-node, node-1
	Standing   func() string // how it stands, for people: in office, say; nil: nothing to add

	Logger hclog.Logger // nil: none
}

// maxViewers bounds the requests at once; more are told to come back. Each holds a goroutine
// and a page of some 20 kB for patience at most.
const maxViewers = 256

// writeTimeout bounds a viewer who reads slowly.
const writeTimeout = 10 * time.Second

// Page is the page. Its handler is for any number of requests at once.
type Page struct {
	o       Options
	survey  *survey
	cancel  context.CancelFunc
	viewers chan struct{}
}

// New makes a page. It does nothing until somebody looks. Close ends it.
func New(o Options) *Page {
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Known == nil {
		o.Known = func() *peerpb.ClusterState { return nil }
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Page{o: o, survey: newSurvey(ctx, o), cancel: cancel, viewers: make(chan struct{}, maxViewers)}
}

// Close ends whatever is under way and waits for it. Handlers answer on with what is known.
func (p *Page) Close() {
	p.cancel()
	p.survey.wait()
}

// Handler serves the page at /status, the same as JSON at /status.json, and sends / to
// the page; everything else is rest's.
func (p *Page) Handler(rest http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", rest)
	mux.Handle("/{$}", p.guard(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "status") // relative, for proxies that serve it elsewhere
		w.WriteHeader(http.StatusFound)
	}))
	mux.Handle("/status", p.guard(p.serveHTML))
	mux.Handle("/status.json", p.guard(p.serveJSON))
	return mux
}

// guard lets reading requests through, some at a time, and sets what protects the viewer.
func (p *Page) guard(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for k, v := range protection {
			w.Header().Set(k, v)
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		select {
		case p.viewers <- struct{}{}:
			defer func() { <-p.viewers }()
		default:
			w.Header().Set("Retry-After", "2")
			http.Error(w, "too many are looking at once", http.StatusServiceUnavailable)
			return
		}
		// A server that can't set it (a test's recorder) has no slow readers either.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience + laterPatience + writeTimeout))
		next(w, r)
	})
}

// serveHTML serves the page, or, for the page that is open already, the parts that change.
func (p *Page) serveHTML(w http.ResponseWriter, r *http.Request) {
	s := p.survey.look(r.Context())
	name := "page"
	if r.URL.Query().Has("fragment") {
		name = "fragment"
	}
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, p.o.show(&s)); err != nil {
		p.o.Logger.Error("the status page can't be shown", "event", logevent.StatusPageFailed, "error", err)
		http.Error(w, "the page can't be shown: see this process's log", http.StatusInternalServerError)
		return
	}
	write(w, "text/html; charset=utf-8", b.Bytes())
}

// document is what /status.json says: the view, and what the page adds to it.
type document struct {
	*clusterview.View
	StatusPage about `json:"status_page"`
}

// about says who looked, when, and what to make of it. A time that is null: never.
type about struct {
	Process      string     `json:"process"`
	At           time.Time  `json:"at"`
	NodesAsked   *time.Time `json:"nodes_asked_at"`
	OfficeRead   *time.Time `json:"cluster_json_read_at"`
	NodesRead    *time.Time `json:"registrations_read_at"`
	LogRead      *time.Time `json:"object_log_read_at"`
	SnapshotRead *time.Time `json:"snapshots_read_at"`
	Findings     []Finding  `json:"findings"`
}

func (p *Page) serveJSON(w http.ResponseWriter, r *http.Request) {
	s := p.survey.look(r.Context())
	d := document{s.View, about{
		Process: p.o.Role + " " + p.o.Name, At: s.Now.UTC(), NodesAsked: moment(s.Asked), OfficeRead: moment(s.Office),
		NodesRead: moment(s.Registered), LogRead: moment(s.End), SnapshotRead: moment(s.Snapshots), Findings: append([]Finding{}, findings(&s)...),
	}}
	for i, f := range d.StatusPage.Findings {
		d.StatusPage.Findings[i].What, d.StatusPage.Findings[i].Next = plain(f.What), f.Next
	}
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil { // plain values can't fail
		panic(errors.Join(errors.New("statuspage: a view that JSON can't hold"), err))
	}
	write(w, "application/json", append(b, '\n'))
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func write(w http.ResponseWriter, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(body) // the reader may have gone; there is nobody to tell
}
