package fork_test

import (
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pronghorn-faas/pronghorn/internal/syncbuffer"
	"github.com/pronghorn-faas/pronghorn/watchdog/access"
	"github.com/pronghorn-faas/pronghorn/watchdog/fork"
)

func TestStatic(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"page.html": "<p>hello", "site/index.html": "index", "big": strings.Repeat("x", 1<<20)} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for claim, tc := range map[string]struct {
		method, path, agent string
		status              int
		body, log           string
	}{
		"a file":                   {"GET", "/page.html", "", 200, "^<p>hello$", "^GET /page.html - 200 - ContentLength: 8B "},
		"a large file":             {"GET", "/big", "", 200, "^x{1000}", "^GET /big - 200 - ContentLength: 1048576B "},
		"any method":               {"POST", "/page.html", "", 200, "^<p>hello$", "^POST /page.html - 200 - ContentLength: 8B "},
		"HEAD":                     {"HEAD", "/page.html", "", 200, "^$", "^HEAD /page.html - 200 - ContentLength: 0B "},
		"a directory is listed":    {"GET", "/", "", 200, "page.html", "^GET / - 200 - "},
		"unless it has an index":   {"GET", "/site/", "", 200, "^index$", "^GET /site/ - 200 - ContentLength: 5B "},
		"what is not there is 404": {"GET", "/none", "", 404, "404", "^GET /none - 404 - "},
		"no way out":               {"GET", "/../../etc/hostname", "", 404, "404", "^GET /../../etc/hostname - 404 - "},
		"no log of probes":         {"GET", "/page.html", "kube-probe/1.35", 200, "^<p>hello$", "^$"},
	} {
		t.Run(claim, func(t *testing.T) {
			var lines syncbuffer.Buffer
			h := fork.Static(dir, access.Log{Lines: log.New(&lines, "", 0)})
			req := httptest.NewRequest(tc.method, tc.path, nil)
			req.Header.Set("User-Agent", tc.agent)
			w := &headless{ResponseRecorder: httptest.NewRecorder(), head: tc.method == http.MethodHead}
			h.ServeHTTP(w, req)
			if w.Code != tc.status || !regexp.MustCompile(tc.body).MatchString(w.Body.String()) {
				t.Errorf("got %d %.100q", w.Code, w.Body)
			}
			if !regexp.MustCompile(tc.log).MatchString(lines.String()) {
				t.Errorf("logged %q, want %s", lines.String(), tc.log)
			}
		})
	}
}

// headless is a recorder that drops bodies as a server does for HEAD.
type headless struct {
	*httptest.ResponseRecorder
	head bool
}

func (w *headless) Write(p []byte) (int, error) {
	if w.head {
		return len(p), nil
	}
	return w.ResponseRecorder.Write(p)
}
