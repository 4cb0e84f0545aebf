package fork_test

import (
	"io"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/internal/syncbuffer"
	"github.com/pronghorn-faas/pronghorn/watchdog/fork"
	"github.com/pronghorn-faas/pronghorn/watchdog/process"
	"github.com/pronghorn-faas/pronghorn/watchdog/timeout"
)

// eachMode runs a test that holds for every mode that starts processes.
func eachMode(t *testing.T, test func(*testing.T, mode)) {
	for name, m := range modes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, m)
		})
	}
}

func TestAnswers(t *testing.T) {
	type want struct {
		Status int
		Body   string
		Type   string
	}
	const text, octets = "text/plain; charset=utf-8", "application/octet-stream"
	for claim, tc := range map[string]struct {
		method, script, body string
		change               func(*fork.Settings)
		header               http.Header
		want                 want
	}{
		"stdout is the answer":                {script: "echo hello", want: want{200, "hello\n", octets}},
		"the body is stdin":                   {method: "POST", script: "cat; echo .", body: "in", want: want{200, "in.\n", octets}},
		"a body that waits to be asked for":   {method: "POST", script: "cat", body: "in", header: http.Header{"Expect": {"100-continue"}}, want: want{200, "in", octets}},
		"an empty body is an empty stdin":     {method: "POST", script: "wc -c", want: want{200, "0\n", octets}},
		"no output is an empty answer":        {script: "exit 0", want: want{200, "", octets}},
		"HEAD has no body":                    {method: "HEAD", script: "echo hello", want: want{200, "", octets}},
		"any method":                          {method: "BREW", script: `echo $Http_Method`, want: want{200, "BREW\n", octets}},
		"the content type can be set":         {script: "echo {}", change: func(s *fork.Settings) { s.ContentType = "application/json" }, want: want{200, "{}\n", "application/json"}},
		"arguments are passed as they are":    {change: command("printf", "%s", "a  b"), want: want{200, "a  b", octets}},
		"a failure before any output is 500":  {script: "exit 4", want: want{500, "exit status 4", text}},
		"a crash is 500":                      {script: "kill -SEGV $$", want: want{500, "signal: segmentation fault", text}},
		"no program is 500":                   {change: command("/no/such/program"), want: want{500, "fork/exec /no/such/program: no such file or directory", text}},
		"no program on the PATH is 500":       {change: command("no-such-program"), want: want{500, `exec: "no-such-program": executable file not found in $PATH`, text}},
		"no command is 500":                   {change: command(), want: want{500, "no command is set", text}},
		"too late is 504":                     {script: "sleep 60", change: execTimeout(50 * time.Millisecond), want: want{504, "the function did not end within 50ms", text}},
		"too late for the client is 504":      {script: "sleep 60", header: http.Header{timeout.Header: {"50ms"}}, want: want{504, "the function did not end within 50ms", text}},
		"no timeout, but for the client":      {script: "sleep 60", change: execTimeout(0), header: http.Header{timeout.Header: {"50ms"}}, want: want{504, "the function did not end within 50ms", text}},
		"a negative time removes nothing":     {script: "sleep 60", change: execTimeout(50 * time.Millisecond), header: http.Header{timeout.Header: {"-1s"}}, want: want{504, "the function did not end within 50ms", text}},
		"no timeout is none":                  {script: "sleep 0.1; echo hello", change: execTimeout(0), want: want{200, "hello\n", octets}},
		"stdout closed early is an empty one": {script: "exec >&-; sleep 0.1", want: want{200, "", octets}},
		"a status counts after stdout ended":  {script: "exec >&-; sleep 0.1; exit 3", want: want{500, "exit status 3", text}},
		"a header too long for exec is 431": {script: "true", header: http.Header{"X-Long": {strings.Repeat("x", 200_000)}},
			want: want{431, "fork/exec /bin/sh: argument list too long", text}},
	} {
		t.Run(claim, func(t *testing.T) {
			eachMode(t, func(t *testing.T, m mode) {
				var changes []func(*fork.Settings)
				if tc.change != nil {
					changes = append(changes, tc.change)
				}
				f := start(t, m, tc.script, changes...)
				resp := f.request(t, tc.method, "/", strings.NewReader(tc.body), func(r *http.Request) {
					for name, values := range tc.header {
						r.Header[name] = values
					}
				})
				got := want{resp.StatusCode, resp.body, resp.Header.Get("Content-Type")}
				if diff := cmp.Diff(tc.want, got); diff != "" || resp.err != nil {
					t.Errorf("error %v, (-want +got):\n%s", resp.err, diff)
				}
				if failed := resp.Header.Get("X-OpenFaaS-Internal") == "of-watchdog"; failed != (tc.want.Status != 200) {
					t.Errorf("X-OpenFaaS-Internal is %q with status %d", resp.Header.Get("X-OpenFaaS-Internal"), resp.StatusCode)
				}
			})
		})
	}
}

func TestPathWithNULIsRefused(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		f := start(t, m, "echo ran")
		if resp := f.request(t, "GET", "/a%00b", nil, nil); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("status %d, body %q; want 400", resp.StatusCode, resp.body)
		}
	})
}

func TestProcessIsToldOfTheRequest(t *testing.T) {
	for claim, tc := range map[string]struct {
		method, path string
		chunked      bool
		want         []string
		not          string
	}{
		"method, path, query and headers": {"POST", "/a%20b?x=1&y=%20", false,
			[]string{"Http_Method=POST", "Http_Path=/a b", "Http_Query=x=1&y=%20", "Http_Content_Length=5", "Http_X_Some_Header=first", "FROM_WATCHDOG=yes"}, "Http_Host"},
		"a body of unknown length": {"PUT", "/", true,
			[]string{"Http_Method=PUT", "Http_Transfer_Encoding=chunked"}, "Http_Content_Length"},
		"no query": {"GET", "/", false, []string{"Http_Method=GET", "Http_Path=/"}, "Http_Query"},
	} {
		t.Run(claim, func(t *testing.T) {
			eachMode(t, func(t *testing.T, m mode) {
				f := start(t, m, "env")
				resp := f.request(t, tc.method, tc.path, strings.NewReader("12345"), func(r *http.Request) {
					if tc.chunked {
						r.ContentLength = -1
					}
					r.Header["X-Some-Header"] = []string{"first", "second"}
				})
				env := "\n" + resp.body
				for _, want := range tc.want {
					if !strings.Contains(env, "\n"+want+"\n") {
						t.Errorf("no %s in%s", want, env)
					}
				}
				if strings.Contains(env, "\n"+tc.not+"=") {
					t.Errorf("%s in%s", tc.not, env)
				}
			})
		})
	}
}

func TestProcessHasNoDescriptorsButThree(t *testing.T) {
	if err := process.CloseOnExec(); err != nil {
		t.Fatal(err)
	}
	eachMode(t, func(t *testing.T, m mode) {
		f := start(t, m, "", command("ls", "/proc/self/fd"))
		if resp := f.get(t); resp.body != "0\n1\n2\n3\n" { // 3 is the directory that ls reads
			t.Errorf("got %q", resp.body)
		}
	})
}

func TestProcessLeadsAGroup(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		f := start(t, m, "test $(cut -d' ' -f5 /proc/$$/stat) = $$ && echo leader")
		if resp := f.get(t); resp.body != "leader\n" {
			t.Errorf("got %q", resp.body)
		}
	})
}

func TestStderrIsLogged(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }
	for claim, tc := range map[string]struct {
		prefix bool
		want   string
	}{
		"bare":                 {false, "one\ntwo\n"},
		"with time and stream": {true, "2026/01/02 03:04:05 stderr: one\n2026/01/02 03:04:05 stderr: two\n"},
	} {
		t.Run(claim, func(t *testing.T) {
			eachMode(t, func(t *testing.T, m mode) {
				var stderr syncbuffer.Buffer
				f := start(t, m, "echo answer; echo one >&2; printf two >&2", func(s *fork.Settings) {
					s.Output = process.Output{Stderr: &stderr, Prefix: tc.prefix, Now: now}
				})
				resp := f.get(t)
				if resp.body != "answer\n" || stderr.String() != tc.want {
					t.Errorf("answer %q, log %q; want %q", resp.body, stderr.String(), tc.want)
				}
			})
		})
	}
}

func TestRequestsAreLogged(t *testing.T) {
	for claim, tc := range map[string]struct{ script, agent, want string }{
		"a success":              {"printf 12345", "", `^GET /a\?x=1 - 200 - ContentLength: 5B \(\d\.\d{4}s\)\n$`},
		"a failure, with reason": {"exit 4", "", `^GET /a\?x=1 - 500 - ContentLength: 13B \(\d\.\d{4}s\)\nGET /a\?x=1 - exit status 4\n$`},
		"no probes":              {"printf 12345", "kube-probe/1.35", "^$"},
	} {
		t.Run(claim, func(t *testing.T) {
			eachMode(t, func(t *testing.T, m mode) {
				f := start(t, m, tc.script)
				f.request(t, "GET", "/a?x=1", nil, func(r *http.Request) { r.Header.Set("User-Agent", tc.agent) })
				// A streaming answer reaches the client before it is logged.
				eventually(t, "log "+tc.want, func() bool { return regexp.MustCompile(tc.want).MatchString(f.log.String()) })
			})
		})
	}
}

func TestProcessNeedNotReadItsStdin(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		f := start(t, m, "echo done")
		for range 3 {
			if resp := f.request(t, "POST", "/", strings.NewReader(strings.Repeat("x", 200_000)), nil); resp.body != "done\n" || resp.err != nil {
				t.Errorf("got %d %q, %v", resp.StatusCode, resp.body, resp.err)
			}
		}
	})
}

func TestConnectionIsKept(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		f := start(t, m, "cat; echo $Http_Method")
		for range 5 {
			if resp := f.request(t, "POST", "/", strings.NewReader("body"), nil); resp.Close || resp.err != nil {
				t.Errorf("close is %t, error %v", resp.Close, resp.err)
			}
		}
	})
}

func TestGroupIsKilledAtTheTimeout(t *testing.T) {
	for claim, script := range map[string]string{
		"a grandchild that the process waits for": "sleep 300 & echo $$ $! >$PIDS; wait",
		"one that outlives it and holds stdout":   "sleep 300 & echo $$ $! >$PIDS",
		"one that does not go on SIGTERM":         "trap '' TERM; sleep 300 & echo $$ $! >$PIDS; wait",
		"one that is stopped":                     "sleep 300 & echo $$ $! >$PIDS; kill -STOP $$",
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			eachMode(t, func(t *testing.T, m mode) {
				pids := newPIDFile(t)
				f := start(t, m, "PIDS="+string(pids)+"; "+script, execTimeout(late))
				begin := time.Now()
				resp := f.request(t, "POST", "/", strings.NewReader(strings.Repeat("x", 1<<20)), nil)
				if took := time.Since(begin); resp.StatusCode != http.StatusGatewayTimeout || took > 5*late {
					t.Errorf("status %d after %s, want 504 after %s", resp.StatusCode, took, late)
				}
				for _, pid := range pids.await(t, 2) {
					eventually(t, "the process is gone", func() bool { return !alive(pid) })
				}
			})
		})
	}
}

func TestEscapedProcessDoesNotKeepTheRequest(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		pids := newPIDFile(t)
		f := start(t, m, `setsid sh -c 'echo $$ >`+string(pids)+`; exec sleep 300' & wait`, execTimeout(late))
		begin := time.Now()
		resp := f.get(t)
		if took := time.Since(begin); resp.StatusCode != http.StatusGatewayTimeout || took > 5*late {
			t.Errorf("status %d after %s, want 504 after %s", resp.StatusCode, took, late)
		}
		for _, pid := range pids.await(t, 1) {
			end(pid)
		}
	})
}

func TestBackgroundWorkOfAnAnsweredRequestGoesOn(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		pids := newPIDFile(t)
		f := start(t, m, "sleep 300 >/dev/null 2>&1 & echo $! >"+string(pids)+"; echo accepted")
		if resp := f.get(t); resp.body != "accepted\n" || resp.err != nil {
			t.Errorf("got %q, %v", resp.body, resp.err)
		}
		for _, pid := range pids.await(t, 1) {
			if !alive(pid) {
				t.Error("the process in the background was killed")
			}
			end(pid)
		}
	})
}

func TestManyAtOnceLeaveNothingBehind(t *testing.T) {
	for name, m := range modes {
		t.Run(name, func(t *testing.T) {
			f := start(t, m, "cat; echo err >&2; exit 0")
			burst(t, f, 1) // what stays open for good is open now
			http.DefaultClient.CloseIdleConnections()
			before, routines := descriptors(t), runtime.NumGoroutine()
			burst(t, f, 64)
			http.DefaultClient.CloseIdleConnections()
			eventually(t, "as many descriptors as before", func() bool { return descriptors(t) <= before })
			eventually(t, "as many goroutines as before", func() bool { return runtime.NumGoroutine() <= routines })
			if left := children(t); len(left) > 0 {
				t.Errorf("processes are left: %v", left)
			}
		})
	}
}

// burst sends n requests at once, several times.
func burst(t *testing.T, f *fixture, n int) {
	t.Helper()
	body := strings.Repeat("0123456789", 10_000)
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for range 2 {
				resp, err := http.Post(f.url, "", strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if string(got) != body || err != nil {
					t.Errorf("status %d, %d bytes, %v; want what was sent", resp.StatusCode, len(got), err)
				}
			}
		})
	}
	all.Wait()
}
