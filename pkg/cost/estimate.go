package cost

import (
	"maps"
	"slices"
)

// monthSeconds is a month as providers bill it: 730 hours.
const monthSeconds = 730 * 3600

const gb = 1 << 30

// Estimate is what was measured and what follows for a month.
type Estimate struct {
	Operations   []Operation `json:"operations"`    // empty: no process answered
	ReadBytes    float64     `json:"read_bytes"`    // measured
	WrittenBytes float64     `json:"written_bytes"` // measured
	ReadMonth    float64     `json:"read_bytes_month"`
	ReadCost     float64     `json:"read_cost_month"`
	Stored       []Stored    `json:"stored"`
	Requests     float64     `json:"requests_cost_month"`
	Storage      float64     `json:"storage_cost_month"`
	Total        float64     `json:"total_cost_month"`
}

// Operation is one kind of request.
type Operation struct {
	Operation string  `json:"operation"`
	Class     string  `json:"billed_as"`
	Measured  float64 `json:"measured"`
	Month     float64 `json:"month"`
	Cost      float64 `json:"cost_month"`
}

// Stored is one kind of object.
type Stored struct {
	Kind    string  `json:"kind"`
	Objects int     `json:"objects"`
	Bytes   int64   `json:"bytes"`
	Cost    float64 `json:"cost_month"`
}

// Reckon sums up what processes did, each over its own time, and what is stored, and prices it.
func Reckon(did []Measured, stored []Stored, p Prices) Estimate {
	e := Estimate{Operations: []Operation{}, Stored: slices.Clone(stored)}
	measured, month := map[string]float64{}, map[string]float64{}
	for _, m := range did {
		if m.Seconds <= 0 {
			continue // nothing can be said of no time
		}
		for op, n := range m.Requests {
			measured[op] += n
			month[op] += n / m.Seconds * monthSeconds
		}
		e.ReadBytes += m.Bytes["get"]
		e.WrittenBytes += m.Bytes["put"]
		e.ReadMonth += m.Bytes["get"] / m.Seconds * monthSeconds
	}
	for _, op := range slices.Sorted(maps.Keys(measured)) {
		class := classes[op]
		if class == "" {
			class = "put"
		}
		o := Operation{op, class, measured[op], month[op], month[op] / 1000 * p.per1000(class)}
		e.Operations = append(e.Operations, o)
		e.Requests += o.Cost
	}
	for i := range e.Stored {
		s := &e.Stored[i]
		s.Cost = float64(s.Bytes) / gb * p.StorageGBMonth
		e.Storage += s.Cost
	}
	e.ReadCost = e.ReadMonth / gb * p.ReadGB
	e.Total = e.Requests + e.Storage + e.ReadCost
	return e
}
