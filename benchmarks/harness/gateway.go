package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// Gateway is an OpenFaaS gateway. Functions are deployed and removed by
// gateway.sh, which stands beside build-local.sh and calls faas-cli.
type Gateway struct {
	URL string
	// KV is the KV service behind the gateway, as it is reached from here, and
	// Token the operator's token, with which a function is forgotten between
	// two configurations.
	KV, Token string
}

const (
	// deployedWithin is how long a function may take to be ready; the node may
	// have to fetch its image first.
	deployedWithin = 5 * time.Minute
	// deployedLook is the pause between two looks at it.
	deployedLook = 500 * time.Millisecond
	// lastWords is how long pods that end may still report after their removal.
	lastWords = 5 * time.Second
)

// pronghornHeaders are those of the watchdog; a gateway may keep them to itself.
func pronghornHeaders() []string {
	return []string{"X-Pronghorn-Request-Number", "X-Pronghorn-Wait-Us"}
}

func (g *Gateway) script(benchmarks string) string { return filepath.Join(benchmarks, "gateway.sh") }

// address is the gateway's URL without credentials, "" if there is none.
func (g *Gateway) address() string {
	if g == nil {
		return ""
	}
	return withoutCredentials(g.URL)
}

func (g *Gateway) check(benchmarks string) error {
	for what, address := range map[string]string{"gateway": g.URL, "KV service": g.KV} {
		u, err := url.Parse(address)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return fmt.Errorf("%s: want its URL, such as http://127.0.0.1:8080", what)
		}
	}
	if _, err := os.Stat(g.script(benchmarks)); err != nil {
		return fmt.Errorf("benchmarks directory %q: it has no gateway.sh", benchmarks)
	}
	return nil
}

// remote is a function behind a gateway, deployed for one configuration.
type remote struct {
	gateway    *Gateway
	benchmarks string
	cell       Configuration
	client     *http.Client
}

// open deploys the function for a configuration, from nothing if nothing is
// done of it yet.
func (g *Gateway) open(ctx context.Context, c Config, cell Configuration, done int) (place, error) {
	r := &remote{gateway: g, benchmarks: c.Benchmarks, cell: cell, client: &http.Client{}}
	if done == 0 {
		if err := r.remove(ctx); err != nil {
			return nil, err
		}
	}
	if err := r.deploy(ctx, c); err != nil {
		return nil, err
	}
	return r, r.awaitReady(ctx)
}

// deploy hands the configuration to the watchdog in the artifact's form. As on
// this machine, the limit on the pause of a checkpoint is out of the way, and
// pods that are removed end at once.
func (r *remote) deploy(ctx context.Context, c Config) error {
	environment := []string{
		"ENV=" + r.cell.Strategy + ",true," + strconv.Itoa(r.cell.Rate),
		"snapshot_headers=true", "snapshot_max_pause=20s", "healthcheck_interval=1ms",
	}
	if c.KeepRandom {
		environment = append(environment, "snapshot_keep_random=true")
	}
	_, err := r.run(ctx, append([]string{"deploy", r.cell.Function}, environment...)...)
	return err
}

func (r *remote) run(ctx context.Context, args ...string) (stdout string, err error) {
	call := append([]string{r.gateway.script(r.benchmarks), "--gateway", r.gateway.URL}, args...)
	return script(ctx, nil, call...)
}

// url is where the gateway has the function.
func (r *remote) url() string {
	return strings.TrimSuffix(r.gateway.URL, "/") + "/function/" + r.cell.Function
}

// awaitReady waits until the watchdog accepts requests.
func (r *remote) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, deployedWithin, fmt.Errorf("%s is not ready %s after it was deployed", r.cell.Function, deployedWithin))
	defer cancel()
	for !r.isReady(ctx) {
		select {
		case <-ctx.Done():
			return r.explained(context.Cause(ctx))
		case <-time.After(deployedLook):
		}
	}
	return nil
}

func (r *remote) isReady(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url()+"/_/ready", nil)
	if err != nil {
		return false
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.StatusCode == http.StatusOK
}

func (r *remote) ask(ctx context.Context, mutability float64) (answer, error) {
	return ask(ctx, r.client, r.url(), mutability, pronghornHeaders())
}

// hasEnded is never known: what has gone may come back.
func (r *remote) hasEnded() bool { return false }
func (r *remote) ended() error   { return errors.New("the function has gone") }

func (r *remote) explained(err error) error {
	return fmt.Errorf("%w; see: faas-cli logs %s --gateway %s", err, r.cell.Function, r.gateway.address())
}

// settle does nothing: nobody here knows of checkpoints. They go on in the
// pauses between requests, as in the published evaluation.
func (r *remote) settle(context.Context, answer, time.Duration) {}

// close leaves the function where it is, for a run that goes on later.
func (r *remote) close() error {
	r.client.CloseIdleConnections()
	return nil
}

// remove takes the function away and has the KV service forget it, so that the
// next configuration begins with nothing. The agents delete its objects.
func (r *remote) remove(ctx context.Context) error {
	said, err := r.run(ctx, "remove", r.cell.Function)
	if err != nil {
		return err
	}
	if said != "" { // it was there
		wait(ctx, time.After(lastWords))
	}
	kv, err := kvstore.NewClient(r.gateway.KV, r.gateway.Token)
	if err != nil {
		return err
	}
	err = kv.DeleteFunction(ctx, r.cell.Function)
	return errors.Join(err, kv.Close())
}
