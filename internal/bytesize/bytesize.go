// Package bytesize writes sizes as people read them.
package bytesize

import "fmt"

// Format returns n bytes in the decimal unit that suits them: "31.4 MB".
func Format(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, i := float64(n)/unit, 0
	for ; value >= unit && i < 3; i++ {
		value /= unit
	}
	return fmt.Sprintf("%.1f %cB", value, "kMGT"[i])
}
