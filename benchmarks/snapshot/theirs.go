package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// theirs is a reference in its sandbox.
type theirs struct {
	*worker
	client *http.Client
}

// startTheirs starts the reference, alone or behind a watchdog without
// snapshots, as the artifact's agent is. The watchdog then keeps its
// connections into the function open.
func (s *stage) startTheirs(ctx context.Context, watchdog bool) (*theirs, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	settings, err := json.Marshal(s.reference)
	if err != nil {
		return nil, err
	}
	env := append([]string{referenceEnv + "=" + string(settings)}, s.function.environment...)
	args := []string{self, referenceRole}
	if watchdog {
		env = append(env, "mode=http", "fprocess="+strings.Join(args, " "), "upstream_url="+s.function.upstream)
		args = []string{s.o.watchdog}
	}
	w, err := s.launch(ctx, args, env)
	if err != nil {
		return nil, err
	}
	t := &theirs{w, w.Client()}
	c, err := connect(ctx, w.Sandbox, referenceAddr)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", w.explain(err), w.Close())
	}
	return t, c.Close()
}

// tell gives an order and waits for the outcome.
func (t *theirs) tell(ctx context.Context, what string, o order) (out outcome, err error) {
	body, err := json.Marshal(o)
	if err != nil {
		return out, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+referenceAddr+"/"+what, bytes.NewReader(body))
	if err != nil {
		return out, err
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return out, t.explain(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the reference's %s: %s", what, raw)
	}
	if err != nil {
		return out, t.explain(err)
	}
	return out, json.Unmarshal(raw, &out)
}

// settle makes CRIU's cache, if it is to be there.
func (t *theirs) settle(ctx context.Context, o order) error {
	if !o.Kdat {
		return nil
	}
	_, err := t.tell(ctx, "seed", o)
	return err
}

// newReference says where things are.
func (s *stage) newReference(criu string) reference {
	return reference{
		CRIU: criu, Store: s.minio.Address, Prefix: s.function.name + "/", Request: s.function.upstream + s.o.request,
		// Fetched to memory, which is quicker; dumped to the disk, as the artifact
		// does, into a working directory.
		ImageDir: "/dev/shm/image", DumpDir: filepath.Join(s.dir, "dump"),
	}
}
