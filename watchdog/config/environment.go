package config

import (
	"strconv"
	"strings"
	"time"
)

// environment is a set of variables, with upstream's parsing rules.
type environment map[string]string

func newEnvironment(environ []string) environment {
	env := environment{}
	for _, kv := range environ {
		if name, value, ok := strings.Cut(kv, "="); ok {
			env[name] = value
		}
	}
	return env
}

func (e environment) get(name string) string { return e[name] }

// first returns the first of the variables that is set to something.
func (e environment) first(names ...string) string {
	for _, name := range names {
		if v := e[name]; v != "" {
			return v
		}
	}
	return ""
}

func (e environment) or(name, otherwise string) string {
	if v := e[name]; v != "" {
		return v
	}
	return otherwise
}

// integer is upstream's: what does not parse is 0.
func (e environment) integer(name string, otherwise int) int {
	v, set := e[name]
	if !set || v == "" {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		return 0
	}
	return n
}

// boolean is upstream's: only "true" and "1" are true.
func (e environment) boolean(name string) bool {
	return e[name] == "true" || e[name] == "1"
}

// prefixLogs is on unless it is set to something that is false.
func (e environment) prefixLogs() bool { return e.parseBool("prefix_logs", true) }

// parseBool is upstream's other way: what strconv.ParseBool takes; anything
// else is false.
func (e environment) parseBool(name string, otherwise bool) bool {
	v := e[name]
	if v == "" {
		return otherwise
	}
	on, err := strconv.ParseBool(v)
	return err == nil && on
}

// duration is upstream's: an integer of 0 or more is seconds, else a Go
// duration, else the default.
func (e environment) duration(name string, otherwise time.Duration) time.Duration {
	v := e[name]
	if v == "" {
		return otherwise
	}
	if n, err := strconv.Atoi(v); err == nil && n >= 0 {
		return time.Duration(n) * time.Second
	}
	if d, err := time.ParseDuration(v); err == nil {
		return d
	}
	return otherwise
}
