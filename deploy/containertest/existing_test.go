package containertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// twoLines are those of docs/existing-functions.md.
const twoLines = `FROM %s
COPY --from=ghcr.io/pronghorn-faas/pronghorn /opt/pronghorn /opt/pronghorn
CMD ["/opt/pronghorn/bin/fwatchdog"]
`

// An image that knows nothing of us gets hot starts by two lines, whatever
// libc it has.
func TestTwoLinesMakeAnImageHotStarting(t *testing.T) {
	cases := map[string]string{ // image: command of its server
		"plain-node":   "node server.js",
		"plain-python": "python3 server.py",
		"plain-musl":   "/bin/server",
	}
	for name, command := range cases {
		t.Run(name, func(t *testing.T) {
			needEngine(t)
			plain := build(t, "pronghorn-test/"+name, "testdata/"+name)
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), fmt.Appendf(nil, twoLines, plain), 0o600); err != nil {
				t.Fatal(err)
			}
			image := build(t, plain+"-hot", dir)
			settings := []string{"--env=mode=http", "--env=fprocess=" + command, "--env=upstream_url=http://127.0.0.1:9000"}
			s := startServices(t)
			cold, _ := checkpointed(t, s, image, name, 3, 3, settings...)
			cold.remove()
			hot, reports := checkpointed(t, s, image, name, 6, 3, settings...)
			if got := reports[0].Count; got != 4 {
				t.Errorf("the first request of the second container is number %d, want 4: it was not restored", got)
			}
			if log := hot.logs(); !strings.Contains(log, "plain request 4") {
				t.Error("the restored server does not log")
			}
		})
	}
}
