package fork

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parse(t testing.TB, raw string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEnvironment(t *testing.T) {
	for claim, tc := range map[string]struct {
		request string
		want    []string
	}{
		"a path is decoded, a query is not": {"GET /a%2Fb?q=%20 HTTP/1.1\r\n\r\n", []string{"Http_Method=GET", "Http_Path=/a/b", "Http_Query=q=%20"}},
		"first value, with underscores":     {"GET / HTTP/1.1\r\nX-A-B: 1\r\nX-A-B: 2\r\n\r\n", []string{"Http_Method=GET", "Http_Path=/", "Http_X_A_B=1"}},
		"an empty value is one":             {"GET / HTTP/1.1\r\nX-Empty:\r\n\r\n", []string{"Http_Method=GET", "Http_Path=/", "Http_X_Empty="}},
		"the host is not a header":          {"GET / HTTP/1.1\r\nHost: f\r\n\r\n", []string{"Http_Method=GET", "Http_Path=/"}},
		"the length is":                     {"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", []string{"Http_Method=POST", "Http_Path=/", "Http_Content_Length=0"}},
		"chunks are told":                   {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", []string{"Http_Method=POST", "Http_Path=/", "Http_Transfer_Encoding=chunked"}},
		"no header is a known variable":     {"GET / HTTP/1.1\r\nMethod: PUT\r\nPath: /x\r\nQuery: x\r\nTransfer_encoding: x\r\n\r\n", []string{"Http_Method=GET", "Http_Path=/", "Http_Transfer_encoding=x"}},
		"no header sets a proxy":            {"GET / HTTP/1.1\r\nPROXY: http://evil\r\n\r\n", []string{"Http_Method=GET", "Http_Path=/"}},
		"of two names the one with - wins":  {"GET / HTTP/1.1\r\nX_1: under\r\nX-1: dash\r\n\r\n", []string{"Http_Method=GET", "Http_Path=/", "Http_X_1=dash"}},
	} {
		t.Run(claim, func(t *testing.T) {
			got, err := environment(parse(t, tc.request))
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("error %v, (-want +got):\n%s", err, diff)
			}
		})
	}
}

func FuzzEnvironment(f *testing.F) {
	for _, raw := range []string{
		"GET / HTTP/1.1\r\nHost: f\r\n\r\n",
		"POST /a%00b?x=1 HTTP/1.1\r\nContent-Length: 3\r\nX-A: 1\r\nX_a: 2\r\n\r\nabc",
		"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nMethod: GET\r\nProxy: p\r\n\r\n0\r\n\r\n",
		"GET http://h/p HTTP/1.0\r\nX Y: =\r\n\r\n",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			t.Skip("not a request")
		}
		env, err := environment(r)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, variable := range env {
			name, _, found := strings.Cut(variable, "=")
			if !found || !strings.HasPrefix(name, "Http_") || strings.ContainsAny(name, "-\x00") || strings.Contains(variable, "\x00") {
				t.Errorf("%q is no variable", variable)
			}
			if seen[name] || strings.EqualFold(name, "http_proxy") {
				t.Errorf("%s comes twice, or must not come", name)
			}
			seen[name] = true
		}
		if len(env) == 0 || env[0] != "Http_Method="+r.Method {
			t.Errorf("the method %q is not told: %q", r.Method, env)
		}
	})
}
