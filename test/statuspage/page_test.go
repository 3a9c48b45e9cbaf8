//go:build linux

package statuspage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/test/internal/proc"
)

var ids = []string{"node-1", "node-2", "node-3"}

// TestPage is the life of a page: all is well, then the Primary dies, then the process that
// serves the page.
func TestPage(t *testing.T) {
	ctx := t.Context()
	c := newCluster(t)
	for _, id := range ids {
		c.start(id, "netsy-node", identity.RolePeer, "--with-elector")
	}
	standby := c.start("elector-9", "netsy-elector", identity.RoleElector)
	v := c.await(ctx, c.node["node-1"], "all three vote and nothing is wrong", func(v view) bool {
		return v.Primary != nil && v.Durability.Mode == "quorum" && len(v.Durability.Voters) == 3 && len(v.Page.Findings) == 0
	})
	c.write(ctx, c.node[v.Primary.NodeID], 1234)
	first := v.Primary.NodeID
	others := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == first })
	server := c.node[others[0]] // shows the page: it isn't the one that is killed first

	b := browser(t)
	url := "http://" + server.health + "/"
	live := tab(t, b, phone, url)
	for _, s := range []screen{phone, phone.dark(), desk, desk.dark()} {
		page := tab(t, b, s, url)
		seesAllWell(t, page, first)
		fits(t, page, s)
		legible(t, page)
		shoot(t, page, "well-"+s.name)
	}
	seesStandby(t, tab(t, b, desk, "http://"+standby.health+"/status"), first)
	worksWithoutScript(t, b, url, first)

	// The Primary dies: the page that is open says so by itself.
	eval[int](t, live, `window.same = 1`)
	c.node[first].proc.Signal(syscall.SIGKILL)
	awaitText(t, live, "the page notices", func(text string) bool {
		return strings.Contains(text, first) && strings.Contains(text, "unreachable") && !strings.Contains(text, first+" is Primary")
	})
	shoot(t, live, "primary-gone-phone")
	var second string
	awaitText(t, live, "the next Primary is there", func(text string) bool {
		for _, id := range others {
			if strings.Contains(text, id+" is Primary; 2 of") {
				second = id
			}
		}
		return second != "" && strings.Contains(text, "Working, and needs attention") && strings.Contains(text, first+" doesn't answer this process: connection refused")
	})
	if eval[int](t, live, `window.same`) != 1 {
		t.Error("the page was loaded anew")
	}
	if title := eval[string](t, live, `document.title`); !strings.HasPrefix(title, "! "+clusterID) {
		t.Errorf("the tab's title is %q", title)
	}
	for _, s := range []screen{phone, desk, desk.dark()} {
		page := tab(t, b, s, url)
		fits(t, page, s)
		legible(t, page)
		shoot(t, page, "attention-"+s.name)
	}

	// The other one dies. If it was Primary, nobody can be elected, and the page says who is
	// needed; if the server is, it goes on alone by way of object storage.
	c.node[others[1]].proc.Signal(syscall.SIGKILL)
	awaitText(t, live, "it is said what is left", func(text string) bool {
		if second == others[0] {
			return strings.Contains(text, second+" is Primary; 1 of 3 nodes is healthy.") && strings.Contains(text, others[1]+" doesn't answer")
		}
		return strings.Contains(text, "An election needs") && strings.Contains(text, "netsyctl cluster recover")
	})
	for _, s := range []screen{phone, desk} {
		page := tab(t, b, s, url)
		fits(t, page, s)
		legible(t, page)
		shoot(t, page, "alone-"+s.name)
	}

	// The process that serves it dies: what is shown is old, and says so.
	server.proc.Signal(syscall.SIGKILL)
	awaitText(t, live, "it is said that nobody answers", func(text string) bool { return strings.Contains(text, "doesn't answer: what is below is") })
	legible(t, live)
	shoot(t, live, "lost-phone")
}

func seesAllWell(t *testing.T, page context.Context, primary string) {
	t.Helper()
	text := eval[string](t, page, `document.body.innerText`)
	for _, want := range append(slices.Clone(ids), clusterID, "All is well", primary+" is Primary; 3 of 3 nodes are healthy.", "quorum", "3 voters; an election needs 2") {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not to be seen:\n%s", want, text)
		}
	}
	// What a screen reader is told.
	if n := eval[int](t, page, `document.querySelectorAll('main, header, footer, nav, h1, [role=status], table thead th[scope=col], table tbody th[scope=row]').length`); n != 6+7+3 {
		t.Errorf("%d landmarks and headers", n)
	}
	if row := eval[string](t, page, fmt.Sprintf(`[...document.querySelectorAll('tbody tr')].find(r => r.querySelector('.name').textContent == %q).innerText`, primary)); !strings.Contains(row, "Primary") ||
		!strings.Contains(row, "healthy") || !strings.Contains(row, "active") {
		t.Errorf("the Primary's row: %s", row)
	}
	for _, secret := range []string{"127.0.0.1", "secret-", "/objects"} {
		if strings.Contains(eval[string](t, page, `document.documentElement.outerHTML`), secret) {
			t.Errorf("the page shows %q", secret)
		}
	}
	// Its style is applied: the policy lets it.
	if ground := eval[string](t, page, `getComputedStyle(document.querySelector('.verdict')).borderLeftStyle`); ground != "solid" {
		t.Errorf("the style is not applied: %q", ground)
	}
}

// fits: nobody scrolls sideways, and nothing sticks out.
func fits(t *testing.T, page context.Context, s screen) {
	t.Helper()
	if w := eval[int64](t, page, `document.scrollingElement.scrollWidth`); w > s.width {
		t.Errorf("%s: the page is %d wide, the screen %d", s.name, w, s.width)
	}
	out := eval[[]string](t, page, `[...document.querySelectorAll('body *:not(thead, thead *)')].filter(e => e.getBoundingClientRect().right > innerWidth + 0.5).map(e => e.outerHTML.slice(0, 80))`)
	if len(out) > 0 {
		t.Errorf("%s: these stick out: %q", s.name, out)
	}
}

// contrast measures each piece of text against what is behind it, as WCAG 2 does.
const contrast = `(() => {
	const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return {r: m[0], g: m[1], b: m[2], a: m.length > 3 ? m[3] : 1}; };
	const light = c => { const f = x => (x /= 255) <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; return 0.2126 * f(c.r) + 0.7152 * f(c.g) + 0.0722 * f(c.b); };
	const ground = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.a == 1) return c; } return {r: 255, g: 255, b: 255}; };
	const bad = [];
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	let n = 0;
	while (walk.nextNode()) {
		const e = walk.currentNode.parentElement;
		if (!walk.currentNode.data.trim() || e.closest('script, style, [hidden]')) continue;
		n++;
		const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
		const ratio = (a + 0.05) / (b + 0.05);
		if (ratio < 4.5) bad.push(ratio.toFixed(2) + ": " + walk.currentNode.data.trim());
	}
	return n < 30 ? ["only " + n + " pieces of text"] : bad;
})()`

// legible: all text has the contrast that WCAG AA asks for.
func legible(t *testing.T, page context.Context) {
	t.Helper()
	if bad := eval[[]string](t, page, contrast); len(bad) > 0 {
		t.Errorf("too little contrast: %q", bad)
	}
}

// seesStandby: an elector that isn't in office shows the same.
func seesStandby(t *testing.T, page context.Context, primary string) {
	t.Helper()
	text := eval[string](t, page, `document.body.innerText`)
	if !strings.Contains(text, primary+" is Primary; 3 of 3 nodes are healthy.") || !strings.Contains(text, "as seen by netsy-elector elector-9, ") {
		t.Errorf("an elector shows\n%s", text)
	}
}

// worksWithoutScript: the page is all there, and loads itself anew.
func worksWithoutScript(t *testing.T, b context.Context, url, primary string) {
	t.Helper()
	loads := make(chan struct{}, 16)
	page, cancel := chromedp.NewContext(b)
	defer cancel()
	listen(t, page, func(ev any) {
		if e, ok := ev.(*network.EventRequestWillBeSent); ok && e.Type == network.ResourceTypeDocument {
			select {
			case loads <- struct{}{}:
			default:
			}
		}
	})
	call(t, page, network.Enable, network.EnableParams{})
	call(t, page, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	run(t, page, chromedp.Navigate(url+"status"))
	for range 3 {
		select {
		case <-loads:
		case <-t.Context().Done():
			t.Fatal("it doesn't refresh itself")
		}
	}
	call(t, page, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: false})
	if html := run(t, page, chromedp.OuterHTML("html")); !strings.Contains(html, primary+" is Primary; 3 of 3") {
		t.Errorf("without JavaScript it shows\n%s", html)
	}
}

// awaitText waits until what a person sees is what cond wants. Nothing but the page itself
// makes it change.
func awaitText(t *testing.T, page context.Context, what string, cond func(string) bool) {
	t.Helper()
	proc.Until(t, page, what, func(ctx context.Context) error {
		text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
		if err != nil {
			return err
		}
		if !cond(text) {
			return fmt.Errorf("one sees\n%s", text)
		}
		return nil
	})
}

// TestNothingElseIsAskedFor: the page is one document; a browser has no complaint about it.
func TestNothingElseIsAskedFor(t *testing.T) {
	c := newCluster(t)
	m := c.start("node-1", "netsy-node", identity.RolePeer, "--with-elector")
	c.await(t.Context(), m, "there is a Primary", func(v view) bool { return v.Primary != nil && len(v.Page.Findings) == 0 })
	page, cancel := chromedp.NewContext(browser(t))
	defer cancel()
	seen := make(chan string, 100)
	listen(t, page, func(ev any) {
		say := ""
		switch e := ev.(type) {
		case *network.EventRequestWillBeSent:
			say = "asked for " + e.Request.URL
		case *cdpruntime.EventConsoleAPICalled:
			say = "console: " + fmt.Sprint(e.Args)
		case *cdpruntime.EventExceptionThrown:
			say = fmt.Sprintf("threw %+v", e.ExceptionDetails)
		}
		if say != "" {
			select {
			case seen <- say:
			default:
			}
		}
	})
	url := "http://" + m.health + "/status"
	call(t, page, network.Enable, network.EnableParams{})
	call(t, page, cdpruntime.Enable, cdp.Empty{})
	run(t, page, chromedp.Navigate(url))
	for fragments := 0; fragments < 2; {
		switch say := <-seen; {
		case say == "asked for "+url, strings.HasPrefix(say, "asked for data:"):
		case say == "asked for "+url+"?fragment":
			fragments++
		default:
			t.Errorf("the browser %s", say)
		}
	}
}

func listen(t *testing.T, page context.Context, fn func(any)) {
	t.Helper()
	if err := chromedp.Listen(page, fn); err != nil {
		t.Fatal(err)
	}
}
