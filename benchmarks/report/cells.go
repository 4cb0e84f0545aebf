package report

import (
	"fmt"
	"math"
	"strconv"
)

// missing stands for what is not known.
const missing = "–"

func keyColumns() []column {
	return []column{word("benchmark"), number("rate"), word("strategy")}
}

func keyCells(k Key) []string {
	return []string{k.Benchmark, strconv.Itoa(k.Rate), k.Strategy}
}

func latencyCells(l *Latency) []string {
	if l == nil {
		return []string{missing, missing, missing, missing}
	}
	return []string{
		milliseconds(l.MedianUS / 1000), milliseconds(l.P90US / 1000), milliseconds(l.P99US / 1000),
		milliseconds(l.ServerMedianUS / 1000),
	}
}

func normalisedCells(n *Adjusted) []string {
	if n == nil {
		return []string{missing, missing, missing}
	}
	return append([]string{milliseconds(n.MedianUS / 1000)}, changeCells(n.Change)...)
}

func changeCells(c *Change) []string {
	if c == nil {
		return []string{missing, missing}
	}
	return []string{percentage(c.Percent), fmt.Sprintf("%+.1f … %+.1f", c.Low, c.High)}
}

func percentage(p float64) string { return fmt.Sprintf("%+.1f %%", p) }

// milliseconds prints three digits that matter, and never an exponent.
func milliseconds(ms float64) string {
	decimals := 0
	if ms > 0 {
		decimals = min(3, max(0, 2-int(math.Floor(math.Log10(ms)))))
	}
	return strconv.FormatFloat(ms, 'f', decimals, 64)
}

func megabytes(bytes int64) string {
	return strconv.FormatFloat(float64(bytes)/1e6, 'f', 1, 64)
}
