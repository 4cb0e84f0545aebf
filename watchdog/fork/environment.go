package fork

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// errNUL refuses a request that no environment can hold.
var errNUL = errors.New("the request has a NUL character in its path or headers")

// environment returns the variables that tell a process of its request:
// Http_Method, Http_Path (decoded), Http_Query (raw) and
// Http_Transfer_Encoding, those of them that there is something to say about,
// and Http_NAME with the first value of every header, "-" in its name as "_".
//
// No header can pretend to be one of the four. The header Proxy is left out:
// HTTP libraries, that of Python among them, would take the variable for the
// setting of the proxy that the function is to use.
func environment(r *http.Request) ([]string, error) {
	v := variables{taken: map[string]bool{"Http_Proxy": true}}
	v.addKnown("Http_Method", r.Method)
	v.addKnown("Http_Path", r.URL.Path)
	v.addKnown("Http_Query", r.URL.RawQuery)
	v.addKnown("Http_Transfer_Encoding", strings.Join(r.TransferEncoding, ","))
	// Of two headers that would give one variable, the order decides.
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if values := r.Header[name]; len(values) > 0 {
			v.add("Http_"+strings.ReplaceAll(name, "-", "_"), values[0])
		}
	}
	if slices.ContainsFunc(v.list, func(s string) bool { return strings.ContainsRune(s, 0) }) {
		return nil, errNUL
	}
	return v.list, nil
}

// variables are a part of an environment in which no name comes twice.
type variables struct {
	list  []string
	taken map[string]bool
}

// addKnown takes the name in any case, and sets it if there is a value.
func (v *variables) addKnown(name, value string) {
	if value != "" {
		v.add(name, value)
	}
	v.taken[name] = true
}

func (v *variables) add(name, value string) {
	if !v.taken[name] {
		v.taken[name] = true
		v.list = append(v.list, name+"="+value)
	}
}
