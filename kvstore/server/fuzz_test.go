package server

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
)

// FuzzSamples sends any body to each route that takes one: the answer is JSON
// and never the service's own failure.
func FuzzSamples(f *testing.F) {
	for _, body := range []string{
		`{"lifetime":"a","samples":[{"n":1,"us":2}]}`, `{"lifetime":"a","samples":[{"n":1e9,"us":1e308}]}`, `null`, `[]`, `{`, "",
		`{"id":"x","request_number":1,"created":"9999-12-31T23:59:59-23:00"}`, `{"ids":[""],"at":"0000-01-01T00:00:00+23:59"}`,
		`{"id":"x","packs":["y"],"until":"9999-12-31T23:59:59-23:00","at":"2026-01-02T03:04:05Z"}`,
		`{"old_manifest_sha256":"","entry":{"id":"x","packs":["x"]},"at":"2026-01-02T03:04:05Z"}`,
		`{"version":-1,"params":{"max_requests":2,"epsilon":5e-324}}`, `{"lifetime":"\ud800"}`,
	} {
		f.Add(body)
	}
	h := New(fileStore(f), httpx.Auth{})
	f.Fuzz(func(t *testing.T, body string) {
		for target, method := range map[string]string{
			"/v1/functions/f/samples": "POST", "/v1/functions/f/params": "PUT", "/v1/functions/f/entries": "POST",
			"/v1/functions/f/entries/remove": "POST", "/v1/functions/f/entries/x/failures": "POST",
			"/v1/functions/f/entries/x": "PUT", "/v1/functions/f/entries/x/condemn": "POST", "/v1/functions/f/reservations": "POST",
		} {
			wantJSON(t, httptest.NewRequest(method, target, strings.NewReader(body)).URL.Path, func() (int, string) {
				return answer(t, h, method, target, body, "")
			})
		}
	})
}

// FuzzDocuments writes any body under any key and count: what passes can be
// read as the same JSON.
func FuzzDocuments(f *testing.F) {
	f.Add("k", "-1", `{"a": [1, 2]}`)
	f.Add("k", "9223372036854775808", `"`)
	f.Add("a/b", "0", "null")
	f.Add("..", "", "\"\xff\"")
	h := New(fileStore(f), httpx.Auth{})
	f.Fuzz(func(t *testing.T, key, expected, body string) {
		target := "/write/" + url.PathEscape(key) + "?next_expected_id=" + url.QueryEscape(expected)
		status := wantJSON(t, target, func() (int, string) { return answer(t, h, "POST", target, body, "") })
		if status != 200 {
			return
		}
		wantJSON(t, key, func() (int, string) { return answer(t, h, "GET", "/read/"+url.PathEscape(key), "", "") })
	})
}

func wantJSON(t *testing.T, what string, send func() (int, string)) int {
	t.Helper()
	status, body := send()
	if status >= 500 {
		t.Fatalf("%s: got %d %s", what, status, body)
	}
	if status/100 != 3 && !json.Valid([]byte(body)) {
		t.Fatalf("%s: the answer is not JSON: %q", what, body)
	}
	return status
}
