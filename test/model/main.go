package main

import (
	"flag"
	"fmt"
	"math/rand"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ---- visited set: hash -> parent hash ----

type ent struct{ h, p uint64 }
type shard struct {
	mu sync.Mutex
	t  []ent
	n  int
}

const nShards = 256

type visited struct{ sh [nShards]shard }

func (v *visited) add(h, p uint64) bool {
	s := &v.sh[h>>56]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.t == nil {
		s.t = make([]ent, 1024)
	}
	if s.n*10 > len(s.t)*7 {
		old := s.t
		s.t = make([]ent, len(old)*2)
		for _, e := range old {
			if e.h != 0 {
				i := int(e.h) & (len(s.t) - 1)
				for s.t[i].h != 0 {
					i = (i + 1) & (len(s.t) - 1)
				}
				s.t[i] = e
			}
		}
	}
	i := int(h) & (len(s.t) - 1)
	for s.t[i].h != 0 {
		if s.t[i].h == h {
			return false
		}
		i = (i + 1) & (len(s.t) - 1)
	}
	s.t[i] = ent{h, p}
	s.n++
	return true
}

func (v *visited) parent(h uint64) uint64 {
	s := &v.sh[h>>56]
	i := int(h) & (len(s.t) - 1)
	for s.t[i].h != h {
		i = (i + 1) & (len(s.t) - 1)
	}
	return s.t[i].p
}

type result struct {
	states, trans int64
	depth         int
	complete      bool
	viol          string
	trace         []string
	dur           time.Duration
	kinds         [nKinds]int64
}

type found struct {
	parent  uint64
	viol    string
	k       kind
	a, b, x int
}

func bfs(c *Cfg, limit time.Duration, maxStates int64) result {
	start := time.Now()
	v := &visited{}
	init := c.initial()
	h0 := hashState(canonical(&init, c.Nodes))
	v.add(h0, 0)
	front := [][]byte{pack(nil, canonical(&init, c.Nodes))}
	res := result{states: 1}
	W := 1
	for depth := 0; ; depth++ {
		res.depth = depth
		var next [][]byte
		var mu sync.Mutex
		var fnd *found
		var stop atomic.Bool
		var states, trans int64 = 0, 0
		work := make(chan []byte, 4)
		var wg sync.WaitGroup
		for w := 0; w < W; w++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				var s State
				out := make([]byte, 0, 1<<20)
				var ns, nt int64
				var kinds [nKinds]int64
				for b := range work {
					for len(b) > 0 && !stop.Load() {
						b = unpack(b, &s)
						ph := hashState(&s)
						c.succ(&s, func(t *State, viol string, k kind, a, bb, x int) {
							nt++
							kinds[k]++
							if viol != "" {
								mu.Lock()
								if fnd == nil {
									fnd = &found{ph, viol, k, a, bb, x}
								}
								mu.Unlock()
								stop.Store(true)
								return
							}
							t = canonical(t, c.Nodes)
							h := hashState(t)
							if v.add(h, ph) {
								ns++
								out = pack(out, t)
								if len(out) > 1<<20-4096 {
									mu.Lock()
									next = append(next, out)
									mu.Unlock()
									out = make([]byte, 0, 1<<20)
								}
							}
						})
					}
				}
				mu.Lock()
				if len(out) > 0 {
					next = append(next, out)
				}
				for k, n := range kinds {
					res.kinds[k] += n
				}
				mu.Unlock()
				atomic.AddInt64(&states, ns)
				atomic.AddInt64(&trans, nt)
			}()
		}
		over := false
		for i, b := range front {
			if stop.Load() || over {
				break
			}
			work <- b
			front[i] = nil
			if time.Since(start) > limit || res.states+atomic.LoadInt64(&states) > maxStates {
				over = true
			}
		}
		close(work)
		wg.Wait()
		res.states += states
		res.trans += trans
		if fnd != nil {
			res.trace = rebuild(c, v, fnd)
			res.viol = fnd.viol
			break
		}
		if over || res.states > maxStates {
			break
		}
		if len(next) == 0 {
			res.complete = true
			break
		}
		front = next
		if verbose {
			fmt.Printf("  depth %d: %d states, %.0fs\n", depth+1, res.states, time.Since(start).Seconds())
		}
	}
	res.dur = time.Since(start)
	return res
}

func rebuild(c *Cfg, v *visited, f *found) []string {
	var hs []uint64
	for h := f.parent; h != 0; h = v.parent(h) {
		hs = append(hs, h)
	}
	ini := c.initial()
	cs, perm := canonicalPerm(&ini, c.Nodes)
	s := *cs
	names = perm
	defer func() { names = [N]int{0, 1, 2, 3} }()
	var out []string
	for i := len(hs) - 2; i >= 0; i-- {
		ok := false
		var nx State
		var np [N]int
		c.succ(&s, func(t *State, viol string, k kind, a, b, x int) {
			if ok || viol != "" {
				return
			}
			if ct, p := canonicalPerm(t, c.Nodes); hashState(ct) == hs[i] {
				ok = true
				nx = *ct
				for j := range p {
					np[j] = names[p[j]]
				}
				out = append(out, label(k, a, b, x))
			}
		})
		if !ok {
			return append(out, "(could not rebuild further)")
		}
		s = nx
		names = np
	}
	done := false
	c.succ(&s, func(t *State, viol string, k kind, a, b, x int) {
		if !done && viol != "" && k == f.k {
			done = true
			out = append(out, label(k, a, b, x), "=> "+viol)
			f.viol = viol
		}
	})
	return out
}

// ---- random walks ----

func walk(c *Cfg, limit time.Duration, depth int, seed int64) result {
	start := time.Now()
	var res result
	var mu sync.Mutex
	var wg sync.WaitGroup
	var stop atomic.Bool
	for w := 0; w < 1; w++ {
		wg.Add(1)
		go func(w int) {
			defer wg.Done()
			r := rand.New(rand.NewSource(seed + int64(w)))
			type opt struct {
				t       State
				viol    string
				k       kind
				a, b, x int
			}
			opts := make([]opt, 0, 256)
			var walks, steps int64
			var kinds [nKinds]int64
			for !stop.Load() && time.Since(start) < limit {
				s := c.initial()
				var tr []string
				walks++
				// each walk has its own taste: which rare things are rare
				wt := [nKinds]float64{}
				for k := range wt {
					wt[k] = 1
				}
				for _, k := range []kind{kReign, kWait, kOffice, kCrash, kWipe, kSnapDel, kCasGiveUp, kRollback, kCasOS, kCasQ, kLoad, kShare, kFast, kNaSnap, kNaAfter, kNaLoad, kNaFail, kPurge, kBehind, kInPlace} {
					wt[k] = []float64{0.02, 0.1, 0.4, 1}[r.Intn(4)]
				}
				for _, k := range []kind{kLand, kResolve, kAppend, kFsync, kOSPut, kFlush, kRead, kSeal, kUpload, kStart, kHandshake, kNaGet, kNaDel, kNaTomb, kNaList1, kNaAccept, kNaPage} {
					wt[k] = []float64{0.2, 1, 3}[r.Intn(3)]
				}
				for d := 0; d < depth; d++ {
					opts = opts[:0]
					c.succ(&s, func(t *State, viol string, k kind, a, b, x int) {
						opts = append(opts, opt{*t, viol, k, a, b, x})
					})
					if len(opts) == 0 {
						break
					}
					steps++
					var sum float64
					pick := -1
					for i := range opts {
						if opts[i].viol != "" {
							pick = i
							break
						}
						sum += wt[opts[i].k]
					}
					if pick < 0 {
						z := r.Float64() * sum
						for i := range opts {
							z -= wt[opts[i].k]
							pick = i
							if z <= 0 {
								break
							}
						}
					}
					o := &opts[pick]
					kinds[o.k]++
					tr = append(tr, label(o.k, o.a, o.b, o.x))
					if o.viol != "" {
						mu.Lock()
						if res.viol == "" {
							res.viol = o.viol
							res.trace = append(tr, "=> "+o.viol)
						}
						mu.Unlock()
						stop.Store(true)
						break
					}
					s = o.t
				}
			}
			mu.Lock()
			res.states += walks
			res.trans += steps
			for k, n := range kinds {
				res.kinds[k] += n
			}
			mu.Unlock()
		}(w)
	}
	wg.Wait()
	res.dur = time.Since(start)
	return res
}

var verbose bool

func main() {
	var (
		prof  = flag.String("profile", "", "profile name, comma-separated, or 'all'")
		hole  = flag.String("break", "", "rules to break, comma-separated (see -list)")
		suite = flag.String("suite", "", "'broken': every literal reading and mutation, each must be caught")
		mode  = flag.String("mode", "bfs", "bfs or walk")
		limit = flag.Duration("limit", 280*time.Second, "time limit of one run")
		maxS  = flag.Int64("states", 40_000_000, "state limit of one BFS")
		depth = flag.Int("depth", 150, "length of one random walk")
		seed  = flag.Int64("seed", 1, "seed of the walks")
		lm    = flag.Bool("logmatch", true, "check log matching too (profiles)")
		list  = flag.Bool("list", false, "list profiles and breakages")
		quiet = flag.Bool("q", false, "no traces")
		only  = flag.String("only", "", "suite: only these")
		kinds = flag.Bool("kinds", false, "print how often each kind of step was taken")
	)
	apply := flag.String("apply", "", "override: stream or buffer")
	joinfix := flag.String("joinfix", "", "override: true or false")
	noghost := flag.Bool("noghost", false, "wait for harm")
	set := flag.String("set", "", "override bounds, e.g. Comps=3,R=5")
	flag.BoolVar(&verbose, "v", false, "progress")
	flag.Parse()
	checkNoPadding(reflect.TypeOf(State{}))
	debug.SetMemoryLimit(4 << 30)
	runtime.GOMAXPROCS(1)
	if *list {
		for _, p := range profiles {
			fmt.Printf("profile %-12s %s\n", p.Name, p.describe())
		}
		for _, b := range broken {
			fmt.Printf("break   %-12s %s\n", strings.Join(b.h, "+"), b.what)
		}
		return
	}
	show := func(c *Cfg, r result) {
		if *mode == "walk" {
			fmt.Printf("%-12s walks=%d steps=%d %.1fs", c.Name, r.states, r.trans, r.dur.Seconds())
		} else {
			fmt.Printf("%-12s states=%d transitions=%d depth=%d complete=%v %.1fs", c.Name, r.states, r.trans, r.depth, r.complete, r.dur.Seconds())
		}
		if r.viol == "" {
			fmt.Println("  ok")
		} else {
			fmt.Println("  VIOLATION:", r.viol)
			if !*quiet {
				for i, l := range r.trace {
					fmt.Printf("  %2d. %s\n", i+1, l)
				}
			}
		}
		if *kinds {
			for k, n := range r.kinds {
				if n > 0 {
					fmt.Printf("    %-12d %s\n", n, label(kind(k), 0, 0, 0))
				}
			}
		}
	}
	one := func(c *Cfg) result {
		if err := c.compile(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		if *mode == "walk" {
			return walk(c, *limit, *depth, *seed)
		}
		return bfs(c, *limit, *maxS)
	}
	bad := false
	if *suite == "broken" {
		for _, b := range broken {
			name := strings.Join(b.h, "+")
			if b.ret != "" {
				name += "[" + b.ret + "]"
			}
			if *only != "" && !strings.Contains(","+*only+",", ","+name+",") {
				continue
			}
			c := b.cfg()
			c.Name = name
			r := one(&c)
			fmt.Printf("--- %s\n", b.what)
			show(&c, r)
			if (r.viol == "") != b.safe {
				bad = true
				fmt.Println("  !!! not as expected")
			}
			runtime.GC()
		}
	} else {
		for _, p := range profiles {
			if *prof != "all" && !strings.Contains(","+*prof+",", ","+p.Name+",") {
				continue
			}
			c := p
			c.LogMatch = *lm
			c.NoGhost = *noghost
			if *apply != "" {
				c.Apply = *apply
			}
			if *joinfix != "" {
				c.JoinFix = *joinfix == "true"
			}
			for _, kv := range strings.Split(*set, ",") {
				if k, v, ok := strings.Cut(kv, "="); ok {
					f := reflect.ValueOf(&c).Elem().FieldByName(k)
					switch f.Kind() {
					case reflect.Bool:
						f.SetBool(v == "true")
					case reflect.Uint8:
						n, _ := strconv.Atoi(v)
						f.SetUint(uint64(n))
					case reflect.Int:
						n, _ := strconv.Atoi(v)
						f.SetInt(int64(n))
					default:
						f.SetString(v)
					}
				}
			}
			if *hole != "" {
				c.H = map[string]bool{}
				for _, h := range strings.Split(*hole, ",") {
					c.H[h] = true
				}
			}
			r := one(&c)
			show(&c, r)
			if r.viol != "" {
				bad = true
			}
			debug.FreeOSMemory()
		}
	}
	if bad {
		os.Exit(1)
	}
}
