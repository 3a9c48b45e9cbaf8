package monitoring

import (
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"

	"github.com/netsy-io/netsy/test/internal/load"
	"github.com/netsy-io/netsy/test/internal/proc"
)

// uplot draws the lines: the library that Grafana draws them with, too.
const uplot = "uplot@1.6.32"

// TestPicture draws the dashboard for docs/monitoring.md, without Grafana: it runs a cluster under load,
// kills its Primary in the midst and brings it back, asks Prometheus every panel's own queries, and
// has headless Chromium show the answers where the dashboard puts them. It asserts nothing about them.
//
//	go test -run TestPicture . -picture ../../docs/images/dashboard.png
//
// It takes 5 minutes and needs chromium and npm; it is skipped by default.
func TestPicture(t *testing.T) {
	if *picture == "" {
		t.Skip("nothing is drawn without -picture")
	}
	c := startCluster(t, "20s", map[string]any{
		"compaction_interval": "30s",
		"snapshot":            map[string]any{"threshold_records": 2000},
		"replication":         map[string]any{"chunk_buffer": map[string]any{"threshold_size_mb": 1}},
	})
	const every = 2 * time.Second
	p := scrapeEvery(t, every, c)
	c.use(25*time.Millisecond, load.Create, load.CreateAndDelete, load.Increment, load.ReadOne, load.ReadRace, past)
	c.use(400*time.Millisecond, large)
	begun := time.Now()
	proc.Rest(t.Context(), 100*time.Second)
	killed := c.primary()
	c.all[killed].Kill()
	proc.Rest(t.Context(), 25*time.Second)
	c.start(killed)
	proc.Rest(t.Context(), 75*time.Second)
	_, whole, err := readDashboard(dashFile)
	must(t, err)
	shown := drawn{begin: begun.Add(20 * time.Second).Truncate(every), end: time.Now().Truncate(every), step: every, p: p}
	html := shown.page(t, whole)
	file := filepath.Join(t.TempDir(), "dashboard.html")
	must(t, os.WriteFile(file, []byte(html), 0o600))
	if keep := os.Getenv("PICTURE_HTML"); keep != "" { // to draw it again, with another page's style
		must(t, os.WriteFile(keep, []byte(html), 0o600))
	}
	screenshot(t, file, shown.height, *picture)
}

// drawn is the time that is shown.
type drawn struct {
	begin, end time.Time
	step       time.Duration
	p          *prom
	height     int
}

type line struct {
	Legend string     `json:"legend"`
	Values []*float64 `json:"values"`
}

// page is the HTML with the library and all answers in it.
func (d *drawn) page(t *testing.T, dashboard []byte) string {
	var whole struct{ Panels []map[string]any }
	must(t, json.Unmarshal(dashboard, &whole))
	for _, p := range whole.Panels {
		pos := p["gridPos"].(map[string]any)
		d.height = max(d.height, int(30*(pos["y"].(float64)+pos["h"].(float64))))
		lines := []line{}
		targets, _ := p["targets"].([]any)
		for _, target := range targets {
			q := target.(map[string]any)
			shown := *d
			if q["instant"].(bool) {
				shown.begin = d.end
			}
			lines = append(lines, shown.lines(t, q["expr"].(string), q["legendFormat"].(string))...)
		}
		p["series"] = lines
	}
	var times []int64
	for at := d.begin; !at.After(d.end); at = at.Add(d.step) {
		times = append(times, at.Unix())
	}
	data, err := json.Marshal(map[string]any{"times": times, "panels": whole.Panels})
	must(t, err)
	dir := t.TempDir()
	install := exec.Command("npm", "install", "--no-audit", "--no-fund", "--prefix", dir, uplot)
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", install.Args, err, out)
	}
	read := func(name string) string {
		b, err := os.ReadFile(name)
		must(t, err)
		return string(b)
	}
	return strings.NewReplacer(
		"/*UPLOT-CSS*/", read(dir+"/node_modules/uplot/dist/uPlot.min.css"),
		"/*UPLOT-JS*/", read(dir+"/node_modules/uplot/dist/uPlot.iife.min.js"),
		"/*DATA*/null", string(data),
	).Replace(read("testdata/picture.html"))
}

// lines are the answer to a panel's query, over the whole time.
func (d *drawn) lines(t *testing.T, expr, legend string) (out []line) {
	expr = strings.ReplaceAll(expr, "$__rate_interval", "20s")
	m, err := d.p.ranged(variables.Replace(expr), d.begin, d.end, d.step)
	must(t, err)
	n := int(d.end.Sub(d.begin)/d.step) + 1
	for _, s := range m {
		l := line{Legend: legendOf(legend, s), Values: make([]*float64, n)}
		for _, pt := range s.Floats {
			if i := int((pt.T - d.begin.UnixMilli()) / d.step.Milliseconds()); !math.IsNaN(pt.F) && !math.IsInf(pt.F, 0) {
				l.Values[i] = &pt.F
			}
		}
		out = append(out, l)
	}
	return out
}

func legendOf(legend string, s promql.Series) string {
	return placeholder.ReplaceAllStringFunc(legend, func(m string) string {
		return s.Metric.Get(placeholder.FindStringSubmatch(m)[1])
	})
}

func screenshot(t *testing.T, page string, height int, into string) {
	t.Helper()
	raw := filepath.Join(t.TempDir(), "raw.png")
	cmd := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=10000",
		fmt.Sprintf("--window-size=1500,%d", height+6), "--user-data-dir="+t.TempDir(), "--screenshot="+raw, "file://"+page)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	f, err := os.Open(raw)
	must(t, err)
	defer f.Close()
	img, err := png.Decode(f)
	must(t, err)
	out, err := os.Create(into)
	must(t, err)
	must(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(out, fewColors(img)))
	must(t, out.Close())
}

// fewColors keeps the 256 colours that are there most often, and takes the nearest of them for the others,
// which are the edges of letters: a third of the size.
func fewColors(img image.Image) image.Image {
	type rgb [3]uint8
	at := func(x, y int) rgb {
		r, g, b, _ := img.At(x, y).RGBA()
		return rgb{uint8(r>>8) &^ 3, uint8(g>>8) &^ 3, uint8(b>>8) &^ 3}
	}
	count, bounds := map[rgb]int{}, img.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			count[at(x, y)]++
		}
	}
	all := make([]rgb, 0, len(count))
	for c := range count {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b rgb) int { return count[b] - count[a] })
	var palette color.Palette
	for _, c := range all[:min(len(all), 256)] {
		palette = append(palette, color.RGBA{c[0], c[1], c[2], 255})
	}
	index := map[rgb]uint8{}
	for _, c := range all {
		index[c] = uint8(palette.Index(color.RGBA{c[0], c[1], c[2], 255}))
	}
	out := image.NewPaletted(bounds, palette)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			out.SetColorIndex(x, y, index[at(x, y)])
		}
	}
	return out
}
