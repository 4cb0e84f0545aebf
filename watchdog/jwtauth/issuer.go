package jwtauth

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// fetchTimeout bounds one fetching of the keys, for which requests may wait.
	fetchTimeout = 5 * time.Second
	// maxDocument bounds what the issuer may send, in bytes.
	maxDocument = 1 << 20
)

// issuer is an OpenID provider.
type issuer struct {
	discovery string
	http      *http.Client
}

func newIssuer(gateway string, client *http.Client) (issuer, error) {
	u, err := parseURL(gateway)
	if err != nil {
		return issuer{}, fmt.Errorf("gateway: %w", err)
	}
	return issuer{discovery: u.JoinPath(".well-known", "openid-configuration").String(), http: client}, nil
}

// fetch asks the issuer for its name and keys. The configuration is read each
// time, since with it the keys may move.
func (i issuer) fetch(ctx context.Context) (*trust, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	var about struct {
		Issuer  string `json:"issuer"`
		KeysURL string `json:"jwks_uri"`
	}
	if err := i.get(ctx, i.discovery, &about); err != nil {
		return nil, err
	}
	if about.Issuer == "" {
		return nil, fmt.Errorf("%s names no issuer", i.discovery)
	}
	if _, err := parseURL(about.KeysURL); err != nil {
		return nil, fmt.Errorf("%s: jwks_uri: %w", i.discovery, err)
	}
	return i.fetchKeys(ctx, about.Issuer, about.KeysURL)
}

func (i issuer) fetchKeys(ctx context.Context, name, from string) (*trust, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := i.get(ctx, from, &set); err != nil {
		return nil, err
	}
	t := &trust{issuer: name, keys: parseKeys(set.Keys), verified: newVerified()}
	if len(t.keys) == 0 {
		return nil, fmt.Errorf("%s: none of its %d keys can check signatures: want RSA of %d bits or more, EC or Ed25519", from, len(set.Keys), minRSABits)
	}
	return t, nil
}

func (i issuer) get(ctx context.Context, from string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	resp, err := i.http.Do(req)
	if err != nil {
		return err // says method and URL itself
	}
	defer func() { _ = resp.Body.Close() }() // was only read
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", from, resp.Status)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxDocument)).Decode(into); err != nil {
		return fmt.Errorf("GET %s: the answer is not the JSON that was expected: %w", from, err)
	}
	return nil
}

func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("URL %q: want http://HOST[:PORT] or https://HOST[:PORT]", raw)
	}
	return u, nil
}
