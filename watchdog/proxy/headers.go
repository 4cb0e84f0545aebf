package proxy

import (
	"net/http"
	"slices"
	"strings"
)

// hopByHop are headers that are meant for the next hop only (RFC 9110, section
// 7.6.1), besides those that Connection names. Proxy-Connection is not a
// standard one, but clients send it.
func hopByHop(name string) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// ofClient are what proxies before us say about the client. Connection cannot
// take them away.
func ofClient(name string) bool {
	switch name {
	case "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto":
		return true
	}
	return false
}

// endToEnd are the headers of a request that the function gets: h itself where
// all of them are. A change of protocol, and that trailers are understood, is
// passed on, too.
func endToEnd(h http.Header, upgrade string) http.Header {
	if !hasHopByHop(h) {
		return h
	}
	kept := make(http.Header, len(h)+1)
	for name, values := range h {
		if !hopByHop(name) {
			kept[name] = values
		}
	}
	for name := range tokens(h["Connection"]) {
		if name = http.CanonicalHeaderKey(name); !ofClient(name) {
			delete(kept, name)
		}
	}
	if hasToken(h["Te"], "trailers") {
		kept["Te"] = []string{"trailers"}
	}
	if upgrade != "" {
		kept["Connection"], kept["Upgrade"] = []string{"Upgrade"}, []string{upgrade}
	}
	return kept
}

func hasHopByHop(h http.Header) bool {
	for name := range h {
		if hopByHop(name) {
			return true
		}
	}
	return false
}

// removeHopByHop leaves the headers of an answer that the client gets.
func removeHopByHop(h http.Header) {
	for name := range tokens(h["Connection"]) {
		h.Del(name)
	}
	for name := range h {
		if hopByHop(name) {
			delete(h, name)
		}
	}
}

// upgradeOf is the protocol that a message wants to switch to, or none.
func upgradeOf(h http.Header) string {
	if !hasToken(h["Connection"], "Upgrade") {
		return ""
	}
	return h.Get("Upgrade")
}

func hasToken(values []string, token string) bool {
	for t := range tokens(values) {
		if strings.EqualFold(t, token) {
			return true
		}
	}
	return false
}

// tokens are the elements of a list that is spread over values.
func tokens(values []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, v := range values {
			for t := range strings.SplitSeq(v, ",") {
				if t = strings.Trim(t, " \t"); t != "" && !yield(t) {
					return
				}
			}
		}
	}
}

// isPrintable reports whether s is printable ASCII.
func isPrintable(s string) bool {
	return !slices.ContainsFunc([]byte(s), func(b byte) bool { return b < ' ' || b > '~' })
}

// add adds the values of from to those of to, without copying them where that
// has none.
func add(to, from http.Header) {
	for name, values := range from {
		if existing := to[name]; len(existing) > 0 {
			values = append(slices.Clip(existing), values...)
		}
		to[name] = values
	}
}
