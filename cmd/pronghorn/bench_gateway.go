package main

import (
	"slices"

	"github.com/spf13/pflag"

	"github.com/pronghorn-faas/pronghorn/benchmarks/harness"
	"github.com/pronghorn-faas/pronghorn/internal/httpx"
)

// gatewayOptions are the flags of "pronghorn bench" for functions behind an
// OpenFaaS gateway.
type gatewayOptions struct {
	url, kv, tokenFile string
	token              string // read from tokenFile
}

func (o *gatewayOptions) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.url, "gateway", "", "URL of an OpenFaaS gateway behind which the functions run, deployed by faas-cli (default: workers on this machine)")
	f.StringVar(&o.kv, "kv", "", "with --gateway: URL of the cluster's KV service as it is reached from here, say by kubectl -n stores port-forward service/database-svc 5000")
	envFlag(f, &o.tokenFile, "token-file", "PRONGHORN_TOKEN_FILE", "", "with --gateway: file with the operator's token")
}

// localFlags say how workers on this machine run.
func localFlags() []string {
	return append([]string{"pool", "cpu", "watchdog", "settle"}, ownFlags()...)
}

// complete reads the token. Flags that would have no effect are refused.
func (o *gatewayOptions) complete(changed func(flag string) bool) error {
	if o.url == "" {
		if changed("kv") || changed("token-file") {
			return usagef("--kv, --token-file: they go with --gateway")
		}
		return nil
	}
	if i := slices.IndexFunc(localFlags(), changed); i >= 0 {
		return usagef("--%s: it is about workers on this machine: want it without --gateway", localFlags()[i])
	}
	if o.kv == "" {
		return usagef("--gateway: want --kv too, the cluster's KV service, which has to forget a function between two configurations")
	}
	if o.tokenFile == "" {
		return nil
	}
	var err error
	o.token, err = httpx.ReadToken(o.tokenFile)
	return err
}

// gateway is the one to run behind; nil = none.
func (o gatewayOptions) gateway() *harness.Gateway {
	if o.url == "" {
		return nil
	}
	return &harness.Gateway{URL: o.url, KV: o.kv, Token: o.token}
}
