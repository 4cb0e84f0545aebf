// Plain writes the Kubernetes manifests of the functions of OpenFaaS stack
// files, shaped as OpenFaaS's Community Edition shapes them, so that functions
// run, and can be tested, on a cluster without OpenFaaS. See deploy/plain.sh.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	os.Exit(run(os.Args[1:], os.LookupEnv, os.Stdout, os.Stderr))
}

// run returns the exit code: 0 done, 1 failed, 2 wrong usage.
func run(args []string, lookup func(string) (string, bool), stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("plain.sh", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		_, _ = fmt.Fprint(stderr, "usage: deploy/plain.sh [flags] STACK.yml… | kubectl apply -f -\n\nThe manifests of the functions, as OpenFaaS's Community Edition makes them.\n\n")
		flags.PrintDefaults()
	}
	namespace := flags.String("namespace", "openfaas-fn", "namespace of functions that name none")
	pull := flags.String("pull", "IfNotPresent", "imagePullPolicy; OpenFaaS has Always")
	snapshots := flags.Bool("snapshots", false, "add what hot starts need: the label, the agent, the token's secret (make it with deploy.sh --function NAME)")
	agent := flags.String("agent", "http://pronghorn-agent.pronghorn:8090", "the policy agent, for -snapshots")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() == 0 {
		flags.Usage()
		return 2
	}
	var out bytes.Buffer
	for i, path := range flags.Args() {
		if i > 0 {
			out.WriteString("---\n")
		}
		if err := convert(&out, path, *namespace, *pull, *snapshots, *agent, lookup); err != nil {
			_, _ = fmt.Fprintln(stderr, "plain.sh:", err)
			return 1
		}
	}
	if _, err := stdout.Write(out.Bytes()); err != nil {
		_, _ = fmt.Fprintln(stderr, "plain.sh:", err)
		return 1
	}
	return 0
}

func convert(w io.Writer, path, namespace, pull string, snapshots bool, agent string, lookup func(string) (string, bool)) error {
	s, err := readStack(path, lookup)
	if err != nil {
		return err
	}
	if snapshots {
		for fn, f := range s.Functions {
			f.withSnapshots(fn, agent)
			s.Functions[fn] = f
		}
	}
	return write(w, s, namespace, pull)
}

// jsonString is s as a string of JSON, without escapes for HTML.
func jsonString(s string) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return "", err
	}
	return string(bytes.TrimSpace(b.Bytes())), nil
}
