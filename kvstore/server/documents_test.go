package server

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
)

// TestArtifactAPI is a conversation of the published agents.
func TestArtifactAPI(t *testing.T) {
	h := New(fileStore(t), httpx.Auth{})
	for _, step := range []struct{ claim, method, target, body, want string }{
		{"what nobody wrote reads as an empty string", "GET", "/read/k?next_expected_id=-1", "", `{"data":"","passed":true,"next_expected_id":0}`},
		{"the first write", "POST", "/write/k?next_expected_id=0", `{"latencies": [1.5, 0], "pool": {}}`, `{"passed":true,"next_expected_id":1}`},
		{"a late write changes nothing", "POST", "/write/k?next_expected_id=0", `{}`, `{"passed":false,"next_expected_id":1}`},
		{"a read always passes", "GET", "/read/k?next_expected_id=77", "", `{"data":{"latencies":[1.5,0],"pool":{}},"passed":true,"next_expected_id":1}`},
		{"a read needs no count", "GET", "/read/k", "", `{"data":{"latencies":[1.5,0],"pool":{}},"passed":true,"next_expected_id":1}`},
		{"a write whatever the count is", "POST", "/write/k?next_expected_id=-1", `"text"`, `{"passed":true,"next_expected_id":2}`},
		{"text comes back as text", "GET", "/read/k", "", `{"data":"text","passed":true,"next_expected_id":2}`},
		{"an empty text is a document", "POST", "/write/k?next_expected_id=2", `""`, `{"passed":true,"next_expected_id":3}`},
		{"and counts", "GET", "/read/k", "", `{"data":"","passed":true,"next_expected_id":3}`},
		{"null is a document", "POST", "/write/k?next_expected_id=3", `null`, `{"passed":true,"next_expected_id":4}`},
		{"and reads as such", "GET", "/read/k", "", `{"data":null,"passed":true,"next_expected_id":4}`},
		{"a deletion", "GET", "/delete/k", "", `{"passed":true,"next_expected_id":-1}`},
		{"of what is not there", "GET", "/delete/k", "", `{"passed":false,"next_expected_id":-1}`},
		{"the count starts again", "POST", "/write/k?next_expected_id=0", `1`, `{"passed":true,"next_expected_id":1}`},
	} {
		status, body := answer(t, h, step.method, step.target, step.body, "")
		if status != 200 || body != step.want {
			t.Errorf("%s: got %d %s, want 200 %s", step.claim, status, body, step.want)
		}
	}
}

// TestArtifactAPIIgnoresContentTypes since requests.post sends a form's, a
// JSON one or none, depending on how it is called.
func TestArtifactAPIIgnoresContentTypes(t *testing.T) {
	h := New(fileStore(t), httpx.Auth{})
	for _, contentType := range []string{"", "application/json", "application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded"} {
		r := httptest.NewRequest("POST", "/write/k?next_expected_id=-1", strings.NewReader(`{"a": "\u00e9"}`))
		r.Header.Set("User-Agent", "python-requests/2.22.0")
		r.Header.Set("Accept", "*/*")
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("with Content-Type %q: got %d %s", contentType, w.Code, w.Body)
		}
	}
}
