// Package kubernetes holds the tests of the manifests beside it and of
// deploy.sh: what they say, what shellcheck says, and, on a real API server
// where scripts/k8s.sh has built one, what the policy does to pods. What needs
// nodes is tested in deploy/e2e.
package kubernetes
