package faults_test

import (
	"cmp"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/miniotest"
	"github.com/pronghorn-faas/pronghorn/watchdog/watchdogtest"
)

// store is an object store as the workers see it: a MinIO behind a proxy that
// can be told to misbehave. The agent reaches MinIO itself.
type store struct {
	*httptest.Server
	forward *httputil.ReverseProxy
	fault   atomic.Pointer[fault]
	// packReads counts the bytes of packs that workers got.
	packReads atomic.Int64
}

// fault answers a request instead of the proxy, which it may use.
type fault func(w http.ResponseWriter, r *http.Request, forward http.Handler)

// newStore starts a proxy in front of a bucket of its own, and a control plane
// whose workers read and write through it.
func newStore(t *testing.T, minio *miniotest.Server, bucket string) (*store, *watchdogtest.Control) {
	t.Helper()
	target := &url.URL{Scheme: "http", Host: minio.Address}
	s := &store{forward: &httputil.ReverseProxy{
		// The host stays the proxy's: it is part of what was signed.
		Director:     func(r *http.Request) { r.URL.Scheme, r.URL.Host = target.Scheme, target.Host },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}}
	s.mend()
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() {
		s.CloseClientConnections() // some of them wait for an answer
		s.Close()
	})
	c := watchdogtest.NewControl(t, "", minio.Bucket(bucket)+"&public="+s.URL)
	c.Reachable = []string{s.Listener.Addr().String()}
	return s, c
}

func (s *store) serve(w http.ResponseWriter, r *http.Request) {
	counted := &changedWriter{ResponseWriter: w, write: func(p []byte) (int, error) {
		if isPackRead(r) {
			s.packReads.Add(int64(len(p)))
		}
		return w.Write(p)
	}}
	(*s.fault.Load())(counted, r, s.forward)
}

func isPackRead(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("Range") != ""
}

// breakWith makes requests of one method go wrong, "" = all.
func (s *store) breakWith(method string, f fault) {
	selective := fault(func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		if method == "" || r.Method == method {
			f(w, r, forward)
			return
		}
		forward.ServeHTTP(w, r)
	})
	s.fault.Store(&selective)
}

func (s *store) mend() {
	s.breakWith("", func(w http.ResponseWriter, r *http.Request, forward http.Handler) { forward.ServeHTTP(w, r) })
}

// changedWriter writes the body in another way.
type changedWriter struct {
	http.ResponseWriter
	write func([]byte) (int, error)
}

func (c *changedWriter) Write(p []byte) (int, error) { return c.write(p) }

// Unwrap is for http.ResponseController.
func (c *changedWriter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// changedBody reads the body in another way.
type changedBody struct {
	io.ReadCloser
	read func([]byte) (int, error)
}

func (c changedBody) Read(p []byte) (int, error) { return c.read(p) }

// each calls f for the bytes that pass, of the request's body and of the
// answer's. An error of f ends the request, and with it the connection.
func each(f func(w http.ResponseWriter, n int) error) fault {
	return func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		body := r.Body
		r.Body = changedBody{body, func(p []byte) (int, error) {
			n, err := body.Read(p[:min(len(p), 4096)])
			return n, cmp.Or(f(w, n), err)
		}}
		forward.ServeHTTP(&changedWriter{w, func(p []byte) (written int, err error) {
			for len(p) > 0 && err == nil {
				var n int
				n, err = w.Write(p[:min(len(p), 4096)])
				written, p = written+n, p[n:]
				_ = http.NewResponseController(w).Flush() // it is to arrive before what f does
				err = cmp.Or(err, f(w, n))
			}
			return written, err
		}}, r)
	}
}

// after calls f once so many bytes have passed in one request; a request that
// has less is not touched.
func after(bytes int, f func(http.ResponseWriter) error) fault {
	return func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		passed := 0
		each(func(w http.ResponseWriter, n int) error {
			if passed += n; passed < bytes {
				return nil
			}
			return f(w)
		})(w, r, forward)
	}
}

// halfway is in the middle of a range of a pack, and behind any manifest.
const halfway = 300 << 10

func internalErrors(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	http.Error(w, "<Error><Code>InternalError</Code></Error>", http.StatusInternalServerError)
}

// silence takes what comes and answers nothing as long as the client waits.
func silence(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// trickle lets 40 KiB a second pass.
var trickle = each(func(_ http.ResponseWriter, n int) error {
	time.Sleep(time.Duration(n) * time.Second / (40 << 10))
	return nil
})

var errCut = errors.New("the connection is to be cut")

// truncate ends a connection in the middle, in order.
var truncate = after(halfway, func(http.ResponseWriter) error { return errCut })

// reset ends it with a reset.
var reset = after(halfway, func(w http.ResponseWriter) error {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
	return errCut
})

// first lets a fault happen to the first n requests.
func first(n int64, f fault) fault {
	var seen atomic.Int64
	return func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		if seen.Add(1) <= n {
			f(w, r, forward)
			return
		}
		forward.ServeHTTP(w, r)
	}
}

var storeFaults = map[string]fault{
	"answers 500":        internalErrors,
	"answers nothing":    silence,
	"is slow":            trickle,
	"truncates":          truncate,
	"resets connections": reset,
}

func TestFetchFromABrokenStore(t *testing.T) {
	bin, f := programs(t)
	minio := miniotest.Start(t)
	for claim, broken := range storeFaults {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			s, c := newStore(t, minio, bucketName(claim, "fetch"))
			snapshotOf(t, c, bin, f)
			s.breakWith(http.MethodGet, broken)
			w := c.StartWith(t, bin, f, lineage)
			w.Drive(3)
			if w.Metric(watchdogtest.Cold("fetch_failed")) != 1 {
				t.Errorf("%s is not 1:\n%s", watchdogtest.Cold("fetch_failed"), w.Log.String())
			}
			s.mend()
			goesOnRestored(t, c, bin, f)
			c.VerifyPool(t, fn, nil)
		})
	}
}

func TestUploadToABrokenStore(t *testing.T) {
	bin, f := programs(t)
	minio := miniotest.Start(t)
	faults := maps.Clone(storeFaults)
	faults["lies"] = func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { w.WriteHeader(http.StatusOK) }
	for claim, broken := range faults {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			s, c := newStore(t, minio, bucketName(claim, "upload"))
			s.breakWith(http.MethodPut, broken)
			w := c.StartWith(t, bin, f, lineage)
			stop := w.KeepBusy()
			failed := watchdogtest.CheckpointsFailed("upload_failed")
			watchdogtest.Await(t, failed, func() bool { return w.Metric(failed) == 1 })
			stop()
			if registered := c.Entries(t, fn); len(registered) > 0 {
				t.Errorf("registered is %+v, want nothing", registered)
			}
			s.mend()
			snapshotOf(t, c, bin, f)
			goesOnRestored(t, c, bin, f)
			c.VerifyPool(t, fn, nil)
		})
	}
}

// TestHiccupsOfTheStoreAreGotOver has the first requests of every kind fail.
func TestHiccupsOfTheStoreAreGotOver(t *testing.T) {
	bin, f := programs(t)
	minio := miniotest.Start(t)
	for claim, broken := range map[string]fault{"answers 500": internalErrors, "truncates": truncate, "resets connections": reset} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			s, c := newStore(t, minio, bucketName(claim, "hiccup"))
			s.breakWith("", first(2, broken))
			snapshotOf(t, c, bin, f)
			s.breakWith("", first(2, broken))
			goesOnRestored(t, c, bin, f)
			c.VerifyPool(t, fn, nil)
		})
	}
}

// TestStoreIsKilledInTheMiddleOfATransfer kills MinIO itself.
func TestStoreIsKilledInTheMiddleOfATransfer(t *testing.T) {
	bin, f := programs(t)
	minio := miniotest.Start(t)
	s, c := newStore(t, minio, "checkpoints")
	const more = "COUNTER_MIB=32" // more than the sockets hold of it
	kill := func() fault {
		var once sync.Once
		return after(halfway, func(http.ResponseWriter) error { once.Do(minio.Stop); return nil })
	}
	s.breakWith(http.MethodPut, kill())
	w := c.StartWith(t, bin, f, lineage, more)
	stop := w.KeepBusy()
	failed := watchdogtest.CheckpointsFailed("upload_failed")
	watchdogtest.Await(t, failed, func() bool { return w.Metric(failed) == 1 })
	stop()
	minio.Restart()
	s.mend()
	snapshotOf(t, c, bin, f, more)

	s.breakWith(http.MethodGet, kill())
	for range 3 { // the first starts while it is killed, the others while it is away
		w := c.StartWith(t, bin, f, lineage, more)
		w.Drive(3)
		if w.Metric(watchdogtest.Cold("fetch_failed")) != 1 {
			t.Errorf("%s is not 1:\n%s", watchdogtest.Cold("fetch_failed"), w.Log.String())
		}
	}
	minio.Restart()
	s.mend()
	goesOnRestored(t, c, bin, f, more)
	c.VerifyPool(t, fn, nil)
}

// TestSlowStoreDoesNotHoldRequests evicts the process while its snapshot is
// still on its way: the requests that come then are served all the same.
func TestSlowStoreDoesNotHoldRequests(t *testing.T) {
	bin, f := programs(t)
	s, c := newStore(t, miniotest.Start(t), "checkpoints")
	s.breakWith(http.MethodPut, trickle)
	w := c.StartWith(t, bin, f, evicted, "exec_timeout=5s")
	w.Drive(6)
}

// bucketName makes a name of what a test claims.
func bucketName(claim, of string) string {
	name := []byte(claim + "-" + of)
	for i, b := range name {
		if b == ' ' {
			name[i] = '-'
		}
	}
	return string(name)
}
