package report

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRoundNumbers(t *testing.T) {
	tests := map[string]struct {
		low, high float64
		want      []float64
	}{
		"a narrow axis":         {6.4, 11.7, []float64{7, 8, 9, 10, 11}},
		"a very narrow one":     {9.95, 10.02, []float64{9.96, 9.98, 10, 10.02}},
		"less than a decade":    {6.4, 21, []float64{7, 10, 15, 20}},
		"a decade":              {1.8, 18, []float64{2, 3, 5, 10}},
		"more than a decade":    {1.8, 48, []float64{2, 5, 10, 20}},
		"below a millisecond":   {0.08, 0.3, []float64{0.1, 0.15, 0.2, 0.3}},
		"two decades":           {0.9, 130, []float64{1, 3, 10, 30, 100}},
		"five decades and more": {0.09, 13000, []float64{0.1, 1, 10, 100, 1000, 10000}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, roundNumbers(tt.low, tt.high)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Labels of five digits are about 24 points wide and panels about 185.
func TestTicksNeitherCrowdNorLack(t *testing.T) {
	for low := 0.01; low < 1e5; low *= 1.13 {
		for ratio := 1.1; ratio < 1e5; ratio *= 1.17 {
			values := roundNumbers(low, low*ratio)
			if len(values) < 2 || len(values) > 8 {
				t.Errorf("%g to %g: %v", low, low*ratio, values)
			}
			for i := 1; i < len(values); i++ {
				if gap := math.Log(values[i]/values[i-1]) / math.Log(ratio) * 185; gap < 20 {
					t.Errorf("%g to %g: %g and %g are %.0f points apart", low, low*ratio, values[i-1], values[i], gap)
				}
			}
		}
	}
}
