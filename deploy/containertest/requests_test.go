package containertest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// client opens a connection for every request: the container may be gone.
var client = &http.Client{
	Timeout:   60 * time.Second,
	Transport: &http.Transport{DisableKeepAlives: true},
	// What a function answers is looked at, not followed.
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// answer is what a container answered.
type answer struct {
	status int
	header http.Header
	body   string
	took   time.Duration
}

// request is sent as soon as the container listens.
type request struct {
	method, path, body string
	header             map[string]string
}

func (c *container) send(r request) answer {
	c.t.Helper()
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		a, err := c.try(r)
		if err == nil {
			return a
		}
		if time.Now().After(end) {
			c.t.Fatalf("%s %s: %v", r.method, r.path, err)
		}
	}
}

func (c *container) try(r request) (answer, error) {
	if r.method == "" {
		r.method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(c.t.Context(), r.method, c.base+r.path, strings.NewReader(r.body))
	if err != nil {
		return answer{}, err
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	begin := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body), time.Since(begin)}, err
}

// waitUntilHealthy keeps the start of the container itself out of what is timed.
func (c *container) waitUntilHealthy() {
	c.t.Helper()
	if a := c.send(request{path: "/_/health"}); a.status != http.StatusOK {
		c.t.Fatalf("health: %d %s", a.status, a.body)
	}
}

// report is what the test functions (testdata/pypy, java, node) answer.
type report struct {
	Count, Restores int
	// Numbers are the random numbers by their source.
	Numbers map[string]any
	Took    time.Duration
}

// call sends a request to a test function.
func (c *container) call() report {
	c.t.Helper()
	a := c.send(request{path: "/"})
	if a.status != http.StatusOK {
		c.t.Fatalf("the function answered %d: %s", a.status, a.body)
	}
	r := report{Took: a.took}
	if err := json.Unmarshal([]byte(a.body), &r); err != nil {
		c.t.Fatalf("%v: %s", err, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), &r.Numbers); err != nil {
		c.t.Fatal(err)
	}
	delete(r.Numbers, "count")
	delete(r.Numbers, "restores")
	return r
}
