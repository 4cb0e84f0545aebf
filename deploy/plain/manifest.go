package main

import (
	"io"
	"maps"
	"slices"
	"strconv"
	"text/template"
)

// manifests is a Deployment and a Service as faas-netes, Community Edition,
// makes them: fixed probes every two seconds that kill a container within
// eight, no volumes but secrets, no security context to speak of. What differs:
// images are not pulled each time (pull says when), so that local ones work.
const manifests = `{{define "probe"}}
          httpGet: {path: /_/health, port: 8080, scheme: HTTP}
          initialDelaySeconds: 2
          periodSeconds: 2
          timeoutSeconds: 1
          successThreshold: 1
          failureThreshold: 3
{{- end}}apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{.Name}}
  namespace: {{.Namespace}}
  labels: {faas_function: {{.Name}}}
  annotations: {{map .Annotations}}
spec:
  replicas: {{.Replicas}}
  revisionHistoryLimit: 10
  selector:
    matchLabels: {faas_function: {{.Name}}}
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
  template:
    metadata:
      labels: {{map .Labels}}
      annotations: {{map .Annotations}}
    spec:
      restartPolicy: Always
      dnsPolicy: ClusterFirst
      containers:
      - name: {{.Name}}
        image: {{quote .Image}}
        imagePullPolicy: {{.Pull}}
        ports:
        - {name: http, containerPort: 8080, protocol: TCP}
        env:{{range .Env}}
        - {name: {{quote .Key}}, value: {{quote .Value}}}{{else}} []{{end}}
        resources:
          limits: {{map .Limits}}
          requests: {{map .Requests}}
        livenessProbe: {{template "probe"}}
        readinessProbe: {{template "probe"}}
        securityContext:
          readOnlyRootFilesystem: {{.ReadOnlyRoot}}
{{- if or .Secrets .ReadOnlyRoot}}
        volumeMounts:
{{- if .ReadOnlyRoot}}
        - {name: temp, mountPath: /tmp, readOnly: false}
{{- end}}{{if .Secrets}}
        - {name: {{.Name}}-projected-secrets, mountPath: /var/openfaas/secrets, readOnly: true}
{{- end}}
      volumes:
{{- if .ReadOnlyRoot}}
      - {name: temp, emptyDir: {}}
{{- end}}{{if .Secrets}}
      - name: {{.Name}}-projected-secrets
        projected:
          sources:{{range .Secrets}}
          - secret: {name: {{quote .}}}{{end}}
{{- end}}{{end}}
---
apiVersion: v1
kind: Service
metadata:
  name: {{.Name}}
  namespace: {{.Namespace}}
  annotations: {{map .Annotations}}
spec:
  type: ClusterIP
  selector: {faas_function: {{.Name}}}
  ports:
  - {name: http, protocol: TCP, port: 8080, targetPort: 8080}
`

// pair is an entry of a map in the order in which it is written.
type pair struct{ Key, Value string }

// view is what the manifests of one function are made from.
type view struct {
	function
	Name, Namespace, Pull string
	Replicas              int
	Env                   []pair
	Labels                map[string]string
	Limits, Requests      map[string]string
}

func newView(fn string, f function, namespace, pull string) view {
	if f.Namespace != "" {
		namespace = f.Namespace
	}
	v := view{function: f, Name: fn, Namespace: namespace, Pull: pull, Replicas: 1,
		Labels: maps.Clone(f.Labels), Limits: f.Limits.asMap(), Requests: f.Requests.asMap()}
	if v.Labels == nil {
		v.Labels = map[string]string{}
	}
	v.Labels["faas_function"] = fn
	if n, err := strconv.Atoi(f.Labels["com.openfaas.scale.min"]); err == nil && n > 0 {
		v.Replicas = n
	}
	v.Annotations = withDefault(maps.Clone(f.Annotations), "prometheus.io.scrape", "false")
	for _, k := range slices.Sorted(maps.Keys(f.Environment)) {
		v.Env = append(v.Env, pair{k, f.Environment[k]})
	}
	return v
}

func (r resources) asMap() map[string]string {
	m := map[string]string{}
	if r.CPU != "" {
		m["cpu"] = r.CPU
	}
	if r.Memory != "" {
		m["memory"] = r.Memory
	}
	return m
}

// write writes the manifests of all functions, in the order of their names.
func write(w io.Writer, s stack, namespace, pull string) error {
	t := template.Must(template.New("").Funcs(template.FuncMap{"quote": quote, "map": flow}).Parse(manifests))
	for i, fn := range slices.Sorted(maps.Keys(s.Functions)) {
		if i > 0 {
			if _, err := io.WriteString(w, "---\n"); err != nil {
				return err
			}
		}
		if err := t.Execute(w, newView(fn, s.Functions[fn], namespace, pull)); err != nil {
			return err
		}
	}
	return nil
}

// quote writes a YAML string; JSON's strings are YAML's.
func quote(s string) (string, error) { return jsonString(s) }

// flow writes a map on one line, keys in order.
func flow(m map[string]string) (string, error) {
	text := "{"
	for i, k := range slices.Sorted(maps.Keys(m)) {
		key, err := jsonString(k)
		if err != nil {
			return "", err
		}
		value, err := jsonString(m[k])
		if err != nil {
			return "", err
		}
		if i > 0 {
			text += ", "
		}
		text += key + ": " + value
	}
	return text + "}", nil
}
