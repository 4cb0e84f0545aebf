package conformance_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// function is a function of the http mode, whose paths do what tests need. It
// learns from its environment how it is to start:
//
//	FUNCTION_BOOT    time until it listens
//	FUNCTION_SIGTERM what it does on SIGTERM: "" the default, "ignore", or an exit status
type function struct {
	listener net.Listener
	server   *http.Server
	// release lets the requests go on that wait for it.
	release chan struct{}
	once    sync.Once
}

func runFunction() int {
	onSIGTERM(os.Getenv("FUNCTION_SIGTERM"))
	fmt.Println("the function starts")
	if boot, err := time.ParseDuration(os.Getenv("FUNCTION_BOOT")); err == nil {
		time.Sleep(boot)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:5000")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 9
	}
	f := &function{listener: ln, server: &http.Server{}, release: make(chan struct{})}
	routes := f.routes()
	f.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if route, ok := routes[r.URL.Path]; ok {
			route(w, r)
			return
		}
		received(w, r)
	})
	_ = f.server.Serve(ln)
	select {} // alive without listening
}

func onSIGTERM(what string) {
	signals := make(chan os.Signal, 1)
	if what != "" {
		signal.Notify(signals, syscall.SIGTERM)
	}
	go func() {
		for range signals {
			fmt.Println("the function got SIGTERM")
			if code, err := strconv.Atoi(what); err == nil {
				os.Exit(code)
			}
		}
	}()
}

// routes are by exact path: a ServeMux would clean them.
func (f *function) routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"/echo":     echo,
		"/status":   func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(number(r, "code")) },
		"/ready":    func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(203); fmt.Fprint(w, r.Host) },
		"/redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"/hang": func(_ http.ResponseWriter, r *http.Request) {
			fmt.Println("hangs")
			<-r.Context().Done()
			fmt.Println("left")
		},
		"/release":        func(http.ResponseWriter, *http.Request) { f.once.Do(func() { close(f.release) }) },
		"/held":           func(w http.ResponseWriter, r *http.Request) { fmt.Println("held"); f.wait(r); fmt.Fprint(w, "done") },
		"/exit":           func(_ http.ResponseWriter, r *http.Request) { os.Exit(number(r, "code")) },
		"/kill":           func(http.ResponseWriter, *http.Request) { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) },
		"/reset":          reset,
		"/stop-listening": f.stopListening,
		"/headers":        headers,
		"/gzip":           zipped,
		"/trailers":       trailers,
		"/large":          func(w http.ResponseWriter, r *http.Request) { _, _ = io.CopyN(w, zeros{}, int64(number(r, "bytes"))) },
		"/count":          count,
		"/print":          printLine,
		"/pieces":         f.pieces,
		"/half":           f.half,
		"/ws":             socket,
		"/grandchild":     grandchild,
		"/environment":    func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, os.Getenv(r.FormValue("name"))) },
	}
}

// stopListening closes all but the process.
func (f *function) stopListening(http.ResponseWriter, *http.Request) {
	_ = f.listener.Close()
	f.server.SetKeepAlivesEnabled(false)
}

// echo answers while it reads.
func echo(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex()
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Body.Read(buf)
		_, _ = w.Write(buf[:n])
		_ = control.Flush()
		if err != nil {
			return
		}
	}
}

func number(r *http.Request, name string) int {
	n, _ := strconv.Atoi(r.FormValue(name))
	return n
}

// wait waits until another request asks for the release, or the client leaves.
func (f *function) wait(r *http.Request) {
	select {
	case <-f.release:
	case <-r.Context().Done():
	}
}

// arrived is a request as it came to the function.
type arrived struct {
	Method, URI, Host string
	Header            http.Header
	Length            int64
	Encoding          []string
	Body              string
	Trailer           http.Header
}

func received(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_ = json.NewEncoder(w).Encode(arrived{r.Method, r.RequestURI, r.Host, r.Header, r.ContentLength, r.TransferEncoding, string(body), r.Trailer})
}

func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func headers(w http.ResponseWriter, _ *http.Request) {
	w.Header()["X-Many"] = []string{"1", "2"}
	w.Header().Set("X-Duration-Seconds", "mine")
	w.WriteHeader(http.StatusTeapot)
}

func zipped(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		fmt.Fprint(w, "plain")
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	fmt.Fprint(z, "plain")
	_ = z.Close()
}

func trailers(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Trailer", "X-Checksum")
	fmt.Fprint(w, "body")
	w.Header().Set("X-Checksum", "42")
}

// zeros is an endless body.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func count(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	fmt.Fprint(w, n, err)
}

// printLine prints to a stream a line of a length.
func printLine(_ http.ResponseWriter, r *http.Request) {
	to := os.Stdout
	if r.FormValue("to") == "stderr" {
		to = os.Stderr
	}
	fmt.Fprintln(to, strings.Repeat("x", number(r, "length"))+r.FormValue("text"))
}

// pieces sends one, waits for the release, and sends another.
func (f *function) pieces(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", r.Header.Get("Accept"))
	fmt.Fprintln(w, "one")
	_ = http.NewResponseController(w).Flush()
	f.wait(r)
	fmt.Fprintln(w, "two")
}

// half announces more than it sends.
func (f *function) half(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "100000")
	fmt.Fprint(w, strings.Repeat("x", 50000))
	_ = http.NewResponseController(w).Flush()
	f.wait(r)
	if r.FormValue("then") == "exit" {
		os.Exit(7)
	}
}

// socket switches the protocol and sends every line back.
func socket(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		w.WriteHeader(http.StatusUpgradeRequired)
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	for lines := bufio.NewScanner(rw); lines.Scan(); {
		fmt.Fprintf(conn, "echo %s\n", lines.Text())
	}
}

// grandchild starts a process that outlives its parent, if nobody ends it.
func grandchild(w http.ResponseWriter, _ *http.Request) {
	cmd := exec.Command("sleep", "300")
	if err := cmd.Start(); err != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}
