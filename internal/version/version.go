// Package version says which build this is.
package version

import "runtime/debug"

// Version is the release that the source belongs to.
const Version = "0.1.0"

// Commit returns the first characters of the commit that the binary was built
// from, or "unknown".
func Commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return "unknown"
}
