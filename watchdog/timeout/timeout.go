// Package timeout reads the time that a request asks to be bounded by.
package timeout

import (
	"net/http"
	"time"
)

// Header is the name of the header with which a client shortens the timeout of
// its request. The value is a Go duration, such as 1.5s.
const Header = "X-Timeout"

// FromHeader returns the time after which a request with these headers is to
// be ended: what the header asks for when that is more than 0 and at most
// limit, else limit. A limit of 0 means no limit, here and in the result.
func FromHeader(h http.Header, limit time.Duration) time.Duration {
	value := h.Get(Header)
	if value == "" {
		return limit
	}
	asked, err := time.ParseDuration(value)
	if err != nil || asked <= 0 || (limit > 0 && asked > limit) {
		return limit
	}
	return asked
}
