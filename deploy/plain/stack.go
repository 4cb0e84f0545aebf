package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// stack is what of an OpenFaaS stack file matters to a cluster; what says how
// images are built is not read.
type stack struct {
	Functions map[string]function `yaml:"functions"`
}

// function is a function of a stack file.
type function struct {
	Image           string            `yaml:"image"`
	FProcess        string            `yaml:"fprocess"`
	Environment     map[string]string `yaml:"environment"`
	EnvironmentFile []string          `yaml:"environment_file"`
	Secrets         []string          `yaml:"secrets"`
	Labels          map[string]string `yaml:"labels"`
	Annotations     map[string]string `yaml:"annotations"`
	Limits          resources         `yaml:"limits"`
	Requests        resources         `yaml:"requests"`
	ReadOnlyRoot    bool              `yaml:"readonly_root_filesystem"`
	Namespace       string            `yaml:"namespace"`
}

type resources struct {
	CPU    string `yaml:"cpu"`
	Memory string `yaml:"memory"`
}

// variable is ${NAME} or ${NAME:-DEFAULT}, as faas-cli substitutes them.
var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}`)

// name is what Kubernetes takes for a Deployment and a Service.
var name = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)

// readStack reads a stack file, with variables from lookup.
func readStack(path string, lookup func(string) (string, bool)) (stack, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return stack{}, err
	}
	var s stack
	if err := yaml.Unmarshal([]byte(substitute(string(raw), lookup)), &s); err != nil {
		return stack{}, fmt.Errorf("%s: %w", path, err)
	}
	if len(s.Functions) == 0 {
		return stack{}, fmt.Errorf("%s: no functions: want a stack file of OpenFaaS", path)
	}
	for fn, f := range s.Functions {
		if err := f.complete(fn, filepath.Dir(path)); err != nil {
			return stack{}, fmt.Errorf("%s: function %q: %w", path, fn, err)
		}
		s.Functions[fn] = f
	}
	return s, nil
}

func substitute(text string, lookup func(string) (string, bool)) string {
	return variable.ReplaceAllStringFunc(text, func(found string) string {
		parts := variable.FindStringSubmatch(found)
		if value, ok := lookup(parts[1]); ok && value != "" {
			return value
		}
		return parts[3]
	})
}

// complete checks a function and adds the variables of its environment files.
func (f *function) complete(fn, dir string) error {
	if !name.MatchString(fn) {
		return fmt.Errorf("the name must be lower-case letters, digits and '-', at most 63, and begin with a letter")
	}
	if f.Image == "" {
		return fmt.Errorf("no image")
	}
	env := map[string]string{}
	for _, file := range f.EnvironmentFile {
		var read struct {
			Environment map[string]string `yaml:"environment"`
		}
		raw, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return err
		}
		if err := yaml.Unmarshal(raw, &read); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for k, v := range read.Environment {
			env[k] = v
		}
	}
	for k, v := range f.Environment {
		env[k] = v
	}
	if f.FProcess != "" {
		env["fprocess"] = f.FProcess
	}
	f.Environment = env
	return nil
}

// withSnapshots adds what a function needs for hot starts, as
// `deploy.sh --function` says it. What the stack file says stands.
func (f *function) withSnapshots(fn, agentURL string) {
	f.Labels = withDefault(f.Labels, "snapshot", "true")
	f.Environment = withDefault(f.Environment, "snapshot_agent_url", agentURL)
	f.Environment = withDefault(f.Environment, "snapshot_function", fn)
	secret := "pronghorn-token-" + fn
	for _, s := range f.Secrets {
		if strings.HasSuffix(s, "pronghorn-token") || s == secret {
			return
		}
	}
	f.Secrets = append(f.Secrets, secret)
}

func withDefault(m map[string]string, key, value string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	if _, there := m[key]; !there {
		m[key] = value
	}
	return m
}
