// Package e2e holds the test of everything on a real Kubernetes: deploy.sh,
// the services, the capabilities of functions, their hot starts, and what
// their clients notice when parts of it die. Run it with make e2e-k8s.
package e2e
