package cost

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
)

// Prices are in any one currency.
type Prices struct {
	PutPer1000     float64 `json:"put_per_1000"`
	ListPer1000    float64 `json:"list_per_1000"`
	GetPer1000     float64 `json:"get_per_1000"` // also of stat: a HEAD request, or a get of metadata
	DeletePer1000  float64 `json:"delete_per_1000"`
	StorageGBMonth float64 `json:"storage_gb_month"` // of 2^30 bytes
	ReadGB         float64 `json:"read_gb"`          // of 2^30 bytes that leave the store; 0 within a region
}

// Examples are S3's list prices in US dollars in us-east-1, class STANDARD, as they were
// when this was written. They are an example: see the provider's page.
var Examples = Prices{PutPer1000: 0.005, ListPer1000: 0.005, GetPer1000: 0.0004, StorageGBMonth: 0.023}

// ParsePrices changes those of p that b, a JSON object, names.
func ParsePrices(b []byte, p Prices) (Prices, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, fmt.Errorf("prices: %w (known: put_per_1000, list_per_1000, get_per_1000, delete_per_1000, storage_gb_month, read_gb)", err)
	}
	if d.More() {
		return p, fmt.Errorf("prices: more than one JSON object")
	}
	return p, p.Validate()
}

// Validate refuses what can't be a price.
func (p Prices) Validate() error {
	for name, v := range map[string]float64{"put_per_1000": p.PutPer1000, "list_per_1000": p.ListPer1000, "get_per_1000": p.GetPer1000,
		"delete_per_1000": p.DeletePer1000, "storage_gb_month": p.StorageGBMonth, "read_gb": p.ReadGB} {
		if v < 0 || math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("prices: %s can't be %v", name, v)
		}
	}
	return nil
}

// classes say what each of Netsy's operations is billed as.
var classes = map[string]string{"put": "put", "list": "list", "get": "get", "stat": "get", "delete": "delete"}

// per1000 is the price of an operation; one that is not known costs as much as a put.
func (p Prices) per1000(class string) float64 {
	switch class {
	case "list":
		return p.ListPer1000
	case "get":
		return p.GetPer1000
	case "delete":
		return p.DeletePer1000
	default:
		return p.PutPer1000
	}
}
