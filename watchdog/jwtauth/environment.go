package jwtauth

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// serviceAccountNamespace is where Kubernetes tells a pod its namespace.
const serviceAccountNamespace = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// ReadEnvironment fills in Function and Namespace where they are empty: from
// OPENFAAS_NAME and OPENFAAS_NAMESPACE, and the namespace else from
// NamespaceFile. getenv is os.Getenv or the like.
func (s *Settings) ReadEnvironment(getenv func(string) string) error {
	if s.Function == "" {
		s.Function = getenv("OPENFAAS_NAME")
	}
	if s.Function == "" {
		return errors.New("JWT authentication: OPENFAAS_NAME is not set: give the function's name, which tokens are checked against")
	}
	if s.Namespace == "" {
		s.Namespace = getenv("OPENFAAS_NAMESPACE")
	}
	if s.Namespace != "" {
		return nil
	}
	return s.readNamespaceFile()
}

func (s *Settings) readNamespaceFile() error {
	path := s.NamespaceFile
	if path == "" {
		path = serviceAccountNamespace
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("JWT authentication: read the function's namespace: %w (outside Kubernetes, set OPENFAAS_NAMESPACE)", err)
	}
	if s.Namespace = strings.TrimSpace(string(raw)); s.Namespace == "" {
		return fmt.Errorf("JWT authentication: %s is empty: set OPENFAAS_NAMESPACE", path)
	}
	return nil
}
