// Package bytesize writes sizes as people read them.
package bytesize

import "github.com/dustin/go-humanize"

// Format returns n bytes in the decimal unit that suits them: "31.4 MB".
func Format(n int64) string { return humanize.SIWithDigits(float64(n), 1, "B") }
