// Package monitoring holds a Grafana dashboard and rules for Prometheus, and
// the tests that check them against what the programs really export.
package monitoring
