package containertest

import (
	"net/http"
	"strings"
	"testing"
)

// want is what an answer must be; empty fields are not looked at.
type want struct {
	status int
	body   string
	header map[string]string
}

func (a answer) check(t *testing.T, w want) {
	t.Helper()
	if a.status != w.status {
		t.Errorf("status %d, want %d: %s", a.status, w.status, a.body)
	}
	if w.body != "" && a.body != w.body {
		t.Errorf("body %q, want %q", a.body, w.body)
	}
	for name, value := range w.header {
		if got := a.header.Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
}

type exchange struct {
	request request
	want    want
}

func header(pairs ...string) map[string]string {
	all := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = pairs[i+1]
	}
	return all
}

const (
	html     = "text/html; charset=utf-8"
	jsonType = "application/json"
)

// Handlers as OpenFaaS's users wrote them for its own templates run on ours
// without a change.
func TestHandlersOfUpstreamsTemplates(t *testing.T) {
	cases := map[string]struct {
		template  string
		options   []string
		exchanges map[string]exchange
	}{
		"python3-http": {"criu-pypy", nil, map[string]exchange{
			"event and dict": {
				request{"POST", "/a/b?name=Ada", `{"x": 1}`, header("Content-Type", jsonType, "User-Agent", "test")},
				want{202, `{"method": "POST", "path": "/a/b", "body": "{\"x\": 1}", "name": "Ada", "type": "application/json", "agent": "test", "host": true, "json": {"x": 1}}`, header("X-Handler", "python3-http", "Content-Type", jsonType)},
			},
			"None":      {request{path: "/none"}, want{200, "", header("Content-Length", "0")}},
			"bytes":     {request{"POST", "/bytes", "\x00\xffab", nil}, want{200, "ba\xff\x00", header("Content-Type", "application/octet-stream")}},
			"tuple":     {request{path: "/tuple"}, want{201, "made", header("X-Made", "yes", "Content-Type", html)}},
			"exception": {request{path: "/fail"}, want{500, "", nil}},
			"no body":   {request{method: "DELETE", path: "/"}, want{204, "", nil}},
		}},
		"python3-http-flask": {"criu-pypy", nil, map[string]exchange{
			"jsonify":          {request{path: "/jsonify?name=a&name=b"}, want{200, "{\"all\":[\"a\",\"b\"],\"name\":\"a\"}\n", header("Content-Type", jsonType)}},
			"Response":         {request{path: "/response"}, want{418, "teapot", header("Content-Type", "text/x-tea")}},
			"Response tuple":   {request{path: "/tuple"}, want{201, "made", header("X-Made", "yes")}},
			"redirect":         {request{path: "/redirect"}, want{302, "", header("Location", "/elsewhere")}},
			"streamed":         {request{path: "/stream"}, want{200, "one two three", nil}},
			"abort":            {request{path: "/abort"}, want{404, "", nil}},
			"dict of OpenFaaS": {request{"PUT", "/x", "in", nil}, want{200, "{\"body\":\"in\"}\n", header("X-Handler", "flask", "Content-Type", jsonType)}},
			"double slashes":   {request{path: "//a//b"}, want{200, "", nil}},
		}},
		"python3-flask": {"criu-pypy", nil, map[string]exchange{
			"text":          {request{"POST", "/echo", "grüße", nil}, want{200, "grüße", header("Content-Type", html)}},
			"dict":          {request{"POST", "/dict", "in", header("User-Agent", "test")}, want{200, "{\"agent\":\"test\",\"body\":\"in\"}\n", header("Content-Type", jsonType)}},
			"flask.request": {request{"POST", "/x?name=Ada", "in", nil}, want{203, "POST Ada in", header("X-Handler", "python3-flask")}},
			"GET":           {request{path: "/x?name=Ada"}, want{203, "GET Ada ", nil}},
		}},
		"python3-flask-raw": {"criu-pypy", []string{"--env=RAW_BODY=true"}, map[string]exchange{
			"bytes": {request{"POST", "/", "\x00\xffab", nil}, want{200, "ba\xff\x00", nil}},
		}},
		"node20": {"criu-node", nil, map[string]exchange{
			"JSON body": {
				request{"POST", "/a/b?x=1", `{"x": [1, 2]}`, header("Content-Type", jsonType)},
				want{202, `{"body":{"x":[1,2]},"method":"POST","path":"/a/b","type":"application/json"}`, header("X-Handler", "node20", "Content-Type", "application/json; charset=utf-8")},
			},
			"text body":     {request{"POST", "/t", "grüße", nil}, want{202, `{"body":"grüße","method":"POST","path":"/t","type":"text/plain"}`, nil}},
			"form body":     {request{"POST", "/f", "a=1&b[c]=2", header("Content-Type", "application/x-www-form-urlencoded")}, want{202, `{"body":{"a":"1","b":{"c":"2"}},"method":"POST","path":"/f","type":"application/x-www-form-urlencoded"}`, nil}},
			"broken JSON":   {request{"POST", "/a", "{", header("Content-Type", jsonType)}, want{400, "", nil}},
			"too long":      {request{"POST", "/a", `"` + strings.Repeat("x", 200_000) + `"`, header("Content-Type", jsonType)}, want{413, "", nil}},
			"resolved text": {request{path: "/text"}, want{200, "plain", header("Content-Type", html)}},
			"resolved":      {request{path: "/value?name=Ada"}, want{200, `{"value":"Ada"}`, header("Content-Type", "application/json; charset=utf-8")}},
			"nothing":       {request{path: "/nothing"}, want{200, "", header("Content-Length", "0")}},
			"callback":      {request{path: "/callback"}, want{200, `{"called":"back"}`, nil}},
			"fail":          {request{path: "/fail"}, want{500, "it failed", nil}},
			"throw":         {request{path: "/throw"}, want{500, "Error: it threw", nil}},
			"binary":        {request{path: "/binary"}, want{200, "\x01\x02\x03\xff", header("Content-Type", "application/x-thing")}},
			"late":          {request{path: "/late"}, want{201, "late", nil}},
			"DELETE":        {request{method: http.MethodDelete, path: "/d"}, want{202, "", nil}},
		}},
		"node20 raw": {"criu-node", []string{"--env=RAW_BODY=true", "--env=MAX_RAW_SIZE=10b"}, map[string]exchange{
			"JSON stays raw": {request{"POST", "/a", `{"x":1}`, header("Content-Type", jsonType)}, want{202, `{"body":{"raw":"{\"x\":1}"},"method":"POST","path":"/a","type":"application/json"}`, nil}},
			"too long":       {request{"POST", "/a", strings.Repeat("x", 20), nil}, want{413, "", nil}},
		}},
		"java17": {"criu-java", nil, map[string]exchange{
			"request and response": {
				request{"POST", "/user/7?name=A+da", "grüße", header("Content-Type", "text/plain", "X-Asked", "yes")},
				want{202, "body=grüße\nquery=name=A+da A da\npath=/user/7 7\ntype=text/plain\nasked=yes\n", header("X-Handler", "java17", "X-Removed", "", "Content-Type", "text/x-report")},
			},
			"no body":   {request{path: "/empty"}, want{204, "", nil}},
			"exception": {request{path: "/fail"}, want{500, "", nil}},
		}},
		"java-artifact": {"criu-java", nil, map[string]exchange{
			"Warm was called": {request{path: "/"}, want{200, "warm=true", nil}},
		}},
		"sample of criu-pypy": {"criu-pypy", nil, map[string]exchange{
			"greets": {request{path: "/?name=Ada"}, want{200, `{"message": "Hello, Ada!", "path": "/"}`, header("Content-Type", jsonType)}},
		}},
		"sample of criu-java": {"criu-java", nil, map[string]exchange{
			"greets": {request{path: "/?name=Ada"}, want{200, "Hello, Ada!\n", nil}},
		}},
		"sample of criu-node": {"criu-node", nil, map[string]exchange{
			"greets": {request{path: "/?name=Ada"}, want{200, `{"message":"Hello, Ada!","path":"/"}`, nil}},
		}},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			needEngine(t)
			handler := "testdata/" + strings.TrimSuffix(name, " raw")
			if strings.HasPrefix(name, "sample") {
				handler = "../../template/" + test.template + "/function"
			}
			c := start(t, functionImage(t, test.template, handler), test.options...)
			for claim, x := range test.exchanges {
				t.Run(claim, func(t *testing.T) { c.send(x.request).check(t, x.want) })
			}
		})
	}
}
