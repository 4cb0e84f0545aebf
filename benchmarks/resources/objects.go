package resources

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// objects are the sizes of the files that upload fetches, in bytes, by name.
var objects = map[string]int64{"1": 230_000, "2": 2_400_000, "3": 98_000_000}

// Objects serves the files /1, /2 and /3: random bytes, the same in each
// answer, of 230 kB, 2.4 MB and 98 MB.
func Objects() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{name}", func(w http.ResponseWriter, r *http.Request) {
		size, ok := objects[r.PathValue("name")]
		if !ok {
			http.Error(w, fmt.Sprintf("no object %q: want 1, 2 or 3", r.PathValue("name")), http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		if r.Method != http.MethodHead {
			_, _ = io.CopyN(w, stream("object "+r.PathValue("name")), size) // the client is gone
		}
	})
	return mux
}
