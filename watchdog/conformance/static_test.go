package conformance_test

import (
	"os"
	"path/filepath"
	"testing"
)

func TestStatic(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{"a.txt": "0123456789", "sub/index.html": "<p>index</p>", "list/b.txt": "b"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := start(t, env{"mode": "static", "static_path": dir, "fprocess": "", "upstream_url": ""})
	for claim, tc := range map[string]struct {
		request request
		want    answer
	}{
		"a file":                        {request{path: "/a.txt"}, answer{Status: 200, Body: "0123456789", Header: map[string]string{"Content-Type": "text/plain.*", "Last-Modified": ".+"}}},
		"a part of it":                  {request{path: "/a.txt", header: map[string]string{"Range": "bytes=2-4"}}, answer{Status: 206, Body: "234"}},
		"only its head":                 {request{method: "HEAD", path: "/a.txt"}, answer{Status: 200, Header: map[string]string{"Content-Length": "10"}}},
		"by any method":                 {request{method: "POST", path: "/a.txt"}, answer{Status: 200, Body: "0123456789"}},
		"an index":                      {request{path: "/sub/"}, answer{Status: 200, Body: "<p>index</p>"}},
		"a directory without its slash": {request{path: "/sub"}, answer{Status: 301, Header: map[string]string{"Location": "sub/"}}},
		"a listing":                     {request{path: "/list/"}, answer{Status: 200, Body: "<!doctype html>\n<meta name=\"viewport\" content=\"width=device-width\">\n<pre>\n<a href=\"b.txt\">b.txt</a>\n</pre>\n"}},
		"nothing":                       {request{path: "/no"}, answer{Status: 404, Body: "404 page not found\n"}},
		"nothing above":                 {request{path: "/../etc/passwd"}, answer{Status: 404, Body: "404 page not found\n"}},
	} {
		t.Run(claim, func(t *testing.T) { check(t, w.send(tc.request), tc.want) })
	}
	w.stderr.await(t, `GET /a\.txt - 200 - ContentLength: 10B \(0\.\d{4}s\)$`)
}
