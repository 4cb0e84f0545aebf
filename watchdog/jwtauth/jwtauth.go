// Package jwtauth lets only those callers through to a function that hold a
// token for it: a JSON Web Token of the OpenFaaS gateway, which is an OpenID
// provider. The provider's keys follow its rotations without a restart.
package jwtauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Where the gateway is.
const (
	// ClusterGateway is its address within a cluster.
	ClusterGateway = "http://gateway.openfaas:8080"
	// LocalGateway is that of one on this host, or of a forwarded port; it is
	// meant by jwt_auth_local.
	LocalGateway = "http://127.0.0.1:8000"
)

const (
	// defaultStartTimeout ends before a platform that sees no answer on
	// /_/health kills the container, so that the log tells the reason.
	defaultStartTimeout = 5 * time.Second
	// defaultRefreshEvery bounds how long a key that the issuer has withdrawn is
	// still trusted.
	defaultRefreshEvery = 5 * time.Minute
)

// Settings say which tokens are accepted. Function and Namespace are needed,
// everything else has a default.
type Settings struct {
	// GatewayURL is where /.well-known/openid-configuration is found (default
	// ClusterGateway).
	GatewayURL string
	// Function and Namespace name the function that tokens must be good for.
	Function, Namespace string
	// NamespaceFile is what ReadEnvironment falls back to (default: the file of
	// the pod's service account).
	NamespaceFile string
	// Debug logs why a request was refused. Tokens are never logged.
	Debug bool

	// StartTimeout is how long New tries to reach the issuer (default 5 s).
	StartTimeout time.Duration
	// RefreshEvery is how often Run fetches the keys again (default 5 min).
	RefreshEvery time.Duration

	// HTTP fetches the keys (default: a client of its own).
	HTTP *http.Client
	// Log is told of failed refreshes, and of refusals when Debug is set
	// (default: nothing is logged).
	Log *slog.Logger
	// Now is the clock that tokens are checked against (default time.Now).
	Now func() time.Time
}

// Authenticator checks tokens. It may be used by any number of goroutines.
type Authenticator struct {
	resource   string // NAMESPACE:FUNCTION, which permissions are matched with
	algorithms []jose.SignatureAlgorithm
	keys       *keyring
	every      time.Duration
	log        *slog.Logger
	debug      bool
	now        func() time.Time
}

// New returns an Authenticator that knows the issuer's keys. It tries for
// Settings.StartTimeout to get them, or until ctx ends, and then returns the
// error of the last try.
func New(ctx context.Context, s Settings) (*Authenticator, error) {
	s = s.withDefaults()
	if s.Function == "" || s.Namespace == "" {
		return nil, errors.New("JWT authentication: function and namespace are not both known: set OPENFAAS_NAME and OPENFAAS_NAMESPACE")
	}
	source, err := newIssuer(s.GatewayURL, s.HTTP)
	if err != nil {
		return nil, fmt.Errorf("JWT authentication: %w", err)
	}
	keys := &keyring{source: source, log: s.Log, now: s.Now}
	if err := keys.start(ctx, s.StartTimeout); err != nil {
		return nil, fmt.Errorf("JWT authentication: no keys from the issuer within %s: %w (check that the gateway runs with IAM and can be reached, or unset jwt_auth)", s.StartTimeout, err)
	}
	return &Authenticator{resource: s.Namespace + ":" + s.Function, algorithms: allAlgorithms(),
		keys: keys, every: s.RefreshEvery, log: s.Log, debug: s.Debug, now: s.Now}, nil
}

// Run fetches the keys again and again until ctx ends. Without it a new key is
// still found when a token names it, but one that was withdrawn stays trusted.
func (a *Authenticator) Run(ctx context.Context) {
	tick := time.NewTicker(a.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			a.keys.refresh(ctx)
		}
	}
}

func (s Settings) withDefaults() Settings {
	if s.GatewayURL == "" {
		s.GatewayURL = ClusterGateway
	}
	if s.StartTimeout <= 0 {
		s.StartTimeout = defaultStartTimeout
	}
	if s.RefreshEvery <= 0 {
		s.RefreshEvery = defaultRefreshEvery
	}
	if s.HTTP == nil {
		s.HTTP = &http.Client{Timeout: fetchTimeout}
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	return s
}
