package httpx

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
)

// Auth knows the operator's token and derives from it the token of every
// function, so that no list of tokens is kept anywhere. The zero Auth lets
// everybody in; Listen refuses to combine it with an address that others reach.
type Auth struct{ master string }

// NewAuth returns an Auth for the operator's token; an empty one gives the
// zero Auth.
func NewAuth(operatorToken string) Auth { return Auth{master: operatorToken} }

// ReadToken reads a token from a file, without surrounding space. An empty
// path is no token; an empty file is an error.
func ReadToken(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	token := strings.TrimSpace(string(raw))
	if token == "" {
		return "", fmt.Errorf("read token: %s is empty: want one line with a token", path)
	}
	return token, nil
}

// Enabled reports whether callers need a token.
func (a Auth) Enabled() bool { return a.master != "" }

// FunctionToken is the token of one function: HMAC-SHA256 of its name under
// the operator's token, in hex.
func (a Auth) FunctionToken(fn string) string {
	mac := hmac.New(sha256.New, []byte(a.master))
	mac.Write([]byte("pronghorn function " + fn))
	return hex.EncodeToString(mac.Sum(nil))
}

// Function allows the operator and the function itself.
func (a Auth) Function(r *http.Request, fn string) error {
	if !a.Enabled() || a.has(r, a.master) || a.has(r, a.FunctionToken(fn)) {
		return nil
	}
	return Errorf(http.StatusUnauthorized, "no valid token for function %q: send the operator's or the function's as Authorization: Bearer", fn)
}

// Operator allows the operator only.
func (a Auth) Operator(r *http.Request) error {
	if !a.Enabled() || a.has(r, a.master) {
		return nil
	}
	return Errorf(http.StatusUnauthorized, "no valid operator's token: send it as Authorization: Bearer")
}

func (a Auth) has(r *http.Request, token string) bool {
	sent, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && hmac.Equal([]byte(sent), []byte(token))
}

// ErrOpen says that a service without a token was to listen beyond loopback.
var ErrOpen = errors.New("without a token only loopback addresses are served")

// Listen opens addr, and refuses addresses that others reach unless callers
// need a token.
func (a Auth) Listen(addr string) (net.Listener, error) {
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: want HOST:PORT: %w", addr, err)
	}
	if !a.Enabled() && !tcp.IP.IsLoopback() {
		return nil, fmt.Errorf("listen on %q: %w: give --token-file, or listen on 127.0.0.1", addr, ErrOpen)
	}
	ln, err := net.ListenTCP("tcp", tcp)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", addr, err)
	}
	return ln, nil
}
