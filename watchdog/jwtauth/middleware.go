package jwtauth

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Headers of the answers and of the request that the function gets.
const (
	challenge      = "Bearer realm=IAM function invoke"
	internalHeader = "X-OpenFaaS-Internal"
	internalSource = "faas-middleware"
	secondsHeader  = "X-Auth-Seconds"
)

var (
	errForbidden = errors.New("the token is good, but not for this function")
	errNoToken   = errors.New("no token: want one header Authorization: Bearer TOKEN")
)

// Wrap hands requests with a token for the function to next, and says in their
// X-Auth-Seconds header how long the check took. Others are answered 401, or
// 403 when the token is valid but not for this function.
func (a *Authenticator) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := a.now()
		if err := a.check(r); err != nil {
			a.refuse(w, r, err)
			return
		}
		r.Header.Set(secondsHeader, seconds(a.now().Sub(start)))
		next.ServeHTTP(w, r)
	})
}

func (a *Authenticator) check(r *http.Request) error {
	token, err := bearer(r.Header)
	if err != nil {
		return err
	}
	c, err := a.verify(r.Context(), token)
	if err != nil {
		return err
	}
	if !c.Function.allow(a.resource) {
		return errForbidden
	}
	return nil
}

// bearer returns the token that a request was sent with. More than one
// Authorization header is refused: the function might look at another one.
func bearer(h http.Header) (string, error) {
	sent := h["Authorization"]
	if len(sent) != 1 {
		return "", errNoToken
	}
	scheme, token, _ := strings.Cut(sent[0], " ")
	token = strings.Trim(token, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", errNoToken
	}
	return token, nil
}

// refuse does not tell the caller the reason, which helps those most who try.
func (a *Authenticator) refuse(w http.ResponseWriter, r *http.Request, reason error) {
	if a.debug {
		a.log.InfoContext(r.Context(), "request refused", "method", r.Method, "path", r.URL.Path, "reason", reason)
	}
	w.Header().Set(internalHeader, internalSource)
	if errors.Is(reason, errForbidden) {
		http.Error(w, "insufficient permissions", http.StatusForbidden)
		return
	}
	w.Header().Set("WWW-Authenticate", challenge)
	http.Error(w, "a valid token is required", http.StatusUnauthorized)
}

func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', 6, 64)
}
