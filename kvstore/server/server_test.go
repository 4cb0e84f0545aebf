package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// answer sends a request as any HTTP client would and returns status and body.
func answer(t *testing.T, h http.Handler, method, target, body, token string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	raw, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, strings.TrimSpace(string(raw))
}

func TestAPIAnswers(t *testing.T) {
	h := New(fileStore(t), httpx.Auth{})
	for _, step := range []struct {
		claim, method, target, body string
		status                      int
		want                        string
	}{
		{"the list starts empty", "GET", "/v1/functions", "", 200, `{"functions":[]}`},
		{"samples are counted", "POST", "/v1/functions/f/samples", `{"lifetime":"a","samples":[{"n":1,"us":2.5},{"n":1,"us":9},{"n":101,"us":1}]}`,
			200, `{"applied":1,"duplicates":1,"ignored":1}`},
		{"parameters are set", "PUT", "/v1/functions/f/params", `{"version":0,"params":{"max_requests":2,"epsilon":0.5}}`,
			200, `{"version":1,"params":{"max_requests":2,"epsilon":0.5}}`},
		{"a second setter hears it", "PUT", "/v1/functions/f/params", `{"version":0,"params":{"max_requests":2,"epsilon":0.5}}`,
			409, `{"error":"parameters of function \"f\" are not at version 0: in conflict with what the store holds now"}`},
		{"an entry is added", "POST", "/v1/functions/f/entries", `{"id":"x","request_number":3}`, 200, `{"added":true}`},
		{"and not twice", "POST", "/v1/functions/f/entries", `{"id":"x"}`, 200, `{"added":false}`},
		{"it fails", "POST", "/v1/functions/f/entries/x/failures", `{"lifetime":"b"}`,
			200, `{"id":"x","request_number":3,"bytes":0,"created":"0001-01-01T00:00:00Z","failures":["b"]}`},
		{"what is not condemned is not purged", "DELETE", "/v1/functions/f/entries/x", "",
			400, `{"error":"pool of function \"f\": invalid: snapshot \"x\" is not condemned: do that first"}`},
		{"it is removed", "POST", "/v1/functions/f/entries/remove", `{"ids":["x"],"at":"2026-01-02T03:04:05Z"}`,
			200, `{"removed":[{"id":"x","request_number":3,"bytes":0,"created":"0001-01-01T00:00:00Z","failures":["b"],"deleted":"2026-01-02T03:04:05Z"}]}`},
		{"packs are reserved", "POST", "/v1/functions/f/reservations", `{"id":"y","packs":["x","z"],"until":"2026-01-02T04:00:00Z","at":"2026-01-02T03:05:00Z"}`,
			200, `{"granted":["x"]}`},
		{"what is reserved is not condemned", "POST", "/v1/functions/f/entries/x/condemn", `{"at":"2026-01-02T03:06:00Z"}`,
			409, `{"error":"pool of function \"f\": the pack of snapshot \"x\" is in use by the upload of snapshot y: in conflict with what the store holds now"}`},
		{"the state shows the upload", "GET", "/v1/functions/f", "",
			200, `{"function":"f","params":{"max_requests":2,"epsilon":0.5},"version":1,"latencies_us":[2.5,0],"samples":1,` +
				`"pool":[{"id":"x","request_number":3,"bytes":0,"created":"0001-01-01T00:00:00Z","failures":["b"],"deleted":"2026-01-02T03:04:05Z"}],` +
				`"pending":[{"id":"y","packs":["x"],"until":"2026-01-02T04:00:00Z"}]}`},
		{"it refers to it", "POST", "/v1/functions/f/entries", `{"id":"y","packs":["y","x"],"manifest_sha256":"00"}`, 200, `{"added":true}`},
		{"its manifest is replaced", "PUT", "/v1/functions/f/entries/y", `{"old_manifest_sha256":"00","entry":{"id":"y","manifest_sha256":"11"},"at":"2026-01-02T03:07:00Z"}`,
			204, ""},
		{"by one who knows it", "PUT", "/v1/functions/f/entries/y", `{"old_manifest_sha256":"00","entry":{"id":"y","manifest_sha256":"22"},"at":"2026-01-02T03:07:00Z"}`,
			409, `{"error":"pool of function \"f\": the manifest of snapshot \"y\" is not the one with sha256 \"00\": in conflict with what the store holds now"}`},
		{"the path says of which", "PUT", "/v1/functions/f/entries/z", `{"entry":{"id":"y"}}`, 400, `{"error":"entry \"y\": want \"z\", as in the path"}`},
		{"what is not in use is condemned", "POST", "/v1/functions/f/entries/x/condemn", `{"at":"2026-01-02T03:08:00Z"}`, 204, ""},
		{"and refused to others", "POST", "/v1/functions/f/entries", `{"id":"w","packs":["w","x"]}`,
			409, `{"error":"pool of function \"f\": snapshot \"w\" refers to pack \"x\", which is unknown or condemned: in conflict with what the store holds now"}`},
		{"and purged", "DELETE", "/v1/functions/f/entries/x", "", 204, ""},
		{"the state shows it all", "GET", "/v1/functions/f", "",
			200, `{"function":"f","params":{"max_requests":2,"epsilon":0.5},"version":1,"latencies_us":[2.5,0],"samples":1,` +
				`"pool":[{"id":"y","request_number":0,"bytes":0,"manifest_sha256":"11","created":"0001-01-01T00:00:00Z","replaced":"2026-01-02T03:07:00Z"}]}`},
		{"the function is deleted", "DELETE", "/v1/functions/f", "", 204, ""},
		{"and gone", "GET", "/v1/functions", "", 200, `{"functions":[]}`},
		{"the service is well", "GET", "/healthz", "", 200, `{"status":"ok"}`},
	} {
		status, body := answer(t, h, step.method, step.target, step.body, "")
		if status != step.status || body != step.want {
			t.Errorf("%s: %s %s: got %d %s, want %d %s", step.claim, step.method, step.target, status, body, step.status, step.want)
		}
	}
}

func TestErrorsAreJSONAndSayWhatIsValid(t *testing.T) {
	h := New(fileStore(t), httpx.Auth{})
	for name, c := range map[string]struct {
		method, target, body string
		status               int
		says                 string
	}{
		"a path without a route":    {"GET", "/v2", "", 404, "/v2"},
		"a method without a route":  {"PATCH", "/v1/functions/f", "", 405, "DELETE, GET"},
		"a function's bad name":     {"GET", "/v1/functions/a%20b", "", 400, `"a b": want 1 to 128 letters`},
		"no body":                   {"POST", "/v1/functions/f/samples", "", 400, "empty"},
		"a body that is no JSON":    {"POST", "/v1/functions/f/samples", "{", 400, "request body"},
		"an unknown field":          {"POST", "/v1/functions/f/samples", `{"lifetimes":1}`, 400, `"lifetimes"`},
		"a wrong type":              {"POST", "/v1/functions/f/samples", `{"lifetime":1}`, 400, "lifetime"},
		"more than one value":       {"POST", "/v1/functions/f/samples", `{} {}`, 400, "more than one"},
		"request number 0":          {"POST", "/v1/functions/f/samples", `{"lifetime":"a","samples":[{"n":0,"us":1}]}`, 400, "sample 0: invalid: request number 0"},
		"an epsilon above 1":        {"PUT", "/v1/functions/f/params", `{"version":0,"params":{"max_requests":9,"epsilon":2}}`, 400, "epsilon 2: want a number in (0, 1]"},
		"an unknown entry":          {"POST", "/v1/functions/f/entries/x/failures", `{"lifetime":"a"}`, 404, `"x"`},
		"a removal without time":    {"POST", "/v1/functions/f/entries/remove", `{"ids":["x"]}`, 400, "time"},
		"a reservation without end": {"POST", "/v1/functions/f/reservations", `{"id":"x","at":"2026-01-02T03:04:05Z"}`, 400, "end of the reservation is missing"},
		"a condemnation at no time": {"POST", "/v1/functions/f/entries/x/condemn", `{}`, 400, "time is missing"},
		"an unknown entry's end":    {"POST", "/v1/functions/f/entries/x/condemn", `{"at":"2026-01-02T03:04:05Z"}`, 404, `"x"`},
		"no count to write at":      {"POST", "/write/k", "1", 400, "next_expected_id"},
		"a count that is none":      {"POST", "/write/k?next_expected_id=two", "1", 400, `"two"`},
		"a document that is none":   {"POST", "/write/k?next_expected_id=-1", "NaN", 400, "request body"},
		"a key with a colon":        {"GET", "/read/a:b", "", 400, `"a:b"`},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := answer(t, h, c.method, c.target, c.body, "")
			var e struct{ Error string }
			if err := json.Unmarshal([]byte(body), &e); err != nil {
				t.Fatalf("the answer is not JSON: %q", body)
			}
			if status != c.status || !strings.Contains(e.Error, c.says) {
				t.Errorf("got %d %q, want %d and %q in it", status, e.Error, c.status, c.says)
			}
		})
	}
}

func TestTokens(t *testing.T) {
	auth := httpx.NewAuth("operator")
	h := New(fileStore(t), auth)
	own, other := auth.FunctionToken("f"), auth.FunctionToken("g")
	batch := `{"lifetime":"a","samples":[{"n":1,"us":1}]}`
	for name, c := range map[string]struct {
		method, target, body, token string
		want                        int
	}{
		"the operator reports samples":                 {"POST", "/v1/functions/f/samples", batch, "operator", 200},
		"a function reports its samples":               {"POST", "/v1/functions/f/samples", batch, own, 200},
		"a function reports no samples of another":     {"POST", "/v1/functions/f/samples", batch, other, 401},
		"nobody reports without a token":               {"POST", "/v1/functions/f/samples", batch, "", 401},
		"a function's name is no token":                {"POST", "/v1/functions/f/samples", batch, "f", 401},
		"a function does not read its state":           {"GET", "/v1/functions/f", "", own, 401},
		"a function does not list functions":           {"GET", "/v1/functions", "", own, 401},
		"a function does not change its pool":          {"POST", "/v1/functions/f/entries", `{"id":"x"}`, own, 401},
		"a function does not delete itself":            {"DELETE", "/v1/functions/f", "", own, 401},
		"a function reads no document":                 {"GET", "/read/f", "", own, 401},
		"a function writes no document":                {"POST", "/write/f?next_expected_id=-1", "1", own, 401},
		"a function deletes no document":               {"GET", "/delete/f", "", own, 401},
		"the operator reads documents":                 {"GET", "/read/f", "", "operator", 200},
		"the operator reads the state":                 {"GET", "/v1/functions/f", "", "operator", 200},
		"anybody may ask whether the service is well":  {"GET", "/healthz", "", "", 200},
		"anybody may read metrics, which name nothing": {"GET", "/metrics", "", "", 200},
	} {
		t.Run(name, func(t *testing.T) {
			if status, body := answer(t, h, c.method, c.target, c.body, c.token); status != c.want {
				t.Errorf("got %d %s, want %d", status, body, c.want)
			}
		})
	}
}

// broken is a store that fails every call that the test makes.
type broken struct {
	kvstore.Store
	err error
}

func (b broken) Functions(context.Context) ([]string, error) { return nil, b.err }
func (b broken) ReadDocument(context.Context, string) (kvstore.Document, error) {
	return kvstore.Document{}, b.err
}

func TestABrokenStore(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"not reachable": {kvstore.ErrUnavailable, 503},
		"disk full":     {errors.New("no space left on device"), 500},
	} {
		t.Run(name, func(t *testing.T) {
			h := New(broken{err: c.err}, httpx.Auth{})
			for target, want := range map[string]int{"/v1/functions": c.want, "/read/k": c.want, "/healthz": 503} {
				status, body := answer(t, h, "GET", target, "", "")
				if status != want || !strings.Contains(body, c.err.Error()) {
					t.Errorf("%s: got %d %s, want %d with the reason", target, status, body, want)
				}
			}
		})
	}
}

func TestClientErrorsAreTheStores(t *testing.T) {
	for name, want := range map[string]error{
		"invalid": kvstore.ErrInvalid, "not found": kvstore.ErrNotFound,
		"conflict": kvstore.ErrConflict, "unavailable": kvstore.ErrUnavailable,
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, serve(t, broken{err: want}, httpx.Auth{}), "")
			if _, err := c.Functions(t.Context()); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		srv := httptest.NewServer(http.NotFoundHandler())
		srv.Close()
		_, err := newClient(t, srv.URL, "").Functions(t.Context())
		if !errors.Is(err, kvstore.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
	})
}

func TestMetrics(t *testing.T) {
	h := New(fileStore(t), httpx.Auth{})
	answer(t, h, "POST", "/v1/functions/f/samples", `{"lifetime":"a","samples":[{"n":1,"us":1},{"n":1,"us":1},{"n":999,"us":1}]}`, "")
	answer(t, h, "POST", "/v1/functions/f/samples", `{}`, "")
	_, text := answer(t, h, "GET", "/metrics", "", "")
	var got []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "pronghorn_kv_") && !strings.Contains(line, "duration") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	want := []string{
		`pronghorn_kv_requests_total{code="200",route="POST /v1/functions/{fn}/samples"} 1`,
		`pronghorn_kv_requests_total{code="400",route="POST /v1/functions/{fn}/samples"} 1`,
		`pronghorn_kv_samples_total{outcome="applied"} 1`,
		`pronghorn_kv_samples_total{outcome="duplicate"} 1`,
		`pronghorn_kv_samples_total{outcome="ignored"} 1`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(text, `pronghorn_kv_request_duration_seconds_count{route="POST /v1/functions/{fn}/samples"} 2`) {
		t.Error("no durations of the route")
	}
}
