package httpx

import "net/http"

// JSONErrors serves mux, but answers what has no route (404) and what has one
// for other methods only (405) with an error as JSON, as everything else.
func JSONErrors(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		a := answer{header: http.Header{}}
		h.ServeHTTP(&a, r)
		a.rewrite(w, r, h)
	})
}

// answer takes what a handler answers, without the body.
type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) Write(p []byte) (int, error) { return len(p), nil }
func (a *answer) WriteHeader(status int)      { a.status = status }

func (a *answer) rewrite(w http.ResponseWriter, r *http.Request, h http.Handler) {
	switch a.status {
	case http.StatusNotFound:
		WriteError(w, Errorf(http.StatusNotFound, "no such path: %q", r.URL.Path))
	case http.StatusMethodNotAllowed:
		allowed := a.header.Get("Allow")
		w.Header().Set("Allow", allowed)
		WriteError(w, Errorf(http.StatusMethodNotAllowed, "%s %q: want %s", r.Method, r.URL.Path, allowed))
	default:
		h.ServeHTTP(w, r) // a redirect to the cleaned path
	}
}
