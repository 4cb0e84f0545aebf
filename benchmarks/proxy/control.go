package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// control is a real policy agent with its KV service. Our watchdog is measured
// a second time as its worker: requests are numbered, timed and reported.
type control struct {
	cmd       *exec.Cmd
	dir       string
	agent, kv string // addresses
	output    bytes.Buffer
}

// coldStrategy neither checkpoints nor evicts, so that nothing but requests is
// measured.
const coldStrategy = "cold"

// startControl starts the program's agent, on the CPU of this process.
func startControl(ctx context.Context, program string) (*control, error) {
	dir, err := os.MkdirTemp("", "proxy-control-")
	if err != nil {
		return nil, err
	}
	c := &control{dir: dir}
	if c.agent, c.kv, err = freeAddresses(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	c.cmd = exec.CommandContext(ctx, program, "agent", "--listen", c.agent, "--kv-listen", c.kv,
		"--store", "file:"+filepath.Join(dir, "kv.db"), "--pool", "dir:"+filepath.Join(dir, "pool"))
	c.cmd.Stderr = &c.output
	if err := c.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := c.await(ctx); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// await waits until both services listen.
func (c *control) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, addr := range []string{c.agent, c.kv} {
		for {
			var d net.Dialer
			conn, err := d.DialContext(ctx, "tcp", addr)
			if err == nil {
				_ = conn.Close()
				break
			}
			if ctx.Err() != nil {
				return fmt.Errorf("the agent does not listen at %s: %w", addr, err)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	return nil
}

// stop kills the agent and forgets its state.
func (c *control) stop() error {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait() // it was killed, which is no error here
	return os.RemoveAll(c.dir)
}

// environment makes a watchdog a worker of the agent.
func (c *control) environment() []string {
	env := []string{
		"snapshot_agent_url=http://" + c.agent, "snapshot_function=proxy",
		"snapshot_strategy=" + coldStrategy,
	}
	if criu := os.Getenv("PRONGHORN_CRIU"); criu != "" {
		env = append(env, "PRONGHORN_CRIU="+criu, "snapshot_criu="+criu)
	}
	return env
}

func freeAddresses() (one, two string, err error) {
	for _, addr := range []*string{&one, &two} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", "", err
		}
		defer ln.Close() // after both, so that they differ
		*addr = ln.Addr().String()
	}
	return one, two, nil
}

// worker says what became of snapshots in a watchdog that should have them.
type worker struct {
	// Start is how its function started and why, as pronghorn_lifetimes_total
	// has it. Any other reason than "planned" says what kept snapshots off.
	Start string `json:"start"`
	// Samples counts latencies by outcome, as pronghorn_samples_total has it.
	Samples []string `json:"samples"`
}

// on reports whether the agent's plan is followed and latencies arrive.
func (w *worker) on() bool {
	return strings.Contains(w.Start, `reason="planned"`) && strings.Contains(strings.Join(w.Samples, " "), `outcome="reported"`)
}

// describe asks a watchdog for its metrics.
func describe(ctx context.Context, box *watchdog) (*worker, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+metricsAddr+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	client := box.Client()
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	w := &worker{Samples: series(string(raw), "pronghorn_samples_total")}
	w.Start = strings.Join(series(string(raw), "pronghorn_lifetimes_total"), ", ")
	return w, nil
}

// series are the samples of a metric, as "{labels} value".
func series(metrics, name string) []string {
	var found []string
	for line := range strings.Lines(metrics) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), name+"{"); ok {
			found = append(found, "{"+rest)
		}
	}
	return found
}
