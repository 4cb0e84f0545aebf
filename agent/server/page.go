package server

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/bytesize"
	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// Of what the page shows at most so many.
const (
	pageFunctions = 50
	pageDecisions = 12
)

//go:embed page.html
var pageHTML string

// pageData is what the template sees.
type pageData struct {
	Functions []functionData
	// Hidden is the number of functions that are not shown.
	Hidden int
}

type functionData struct {
	agent.Function
	Snapshots []kvstore.Entry // without tombstones
	Totals    totals
	Curve     curve
}

// page answers with the web page, to the operator only: a browser sends the
// token as the password of any user.
func (s *Server) page(w http.ResponseWriter, r *http.Request) error {
	if !s.mayBrowse(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="pronghorn: the operator's token is the password"`)
		http.Error(w, "The operator's token is the password; any user name will do.", http.StatusUnauthorized)
		return nil
	}
	data, err := s.pageData(r.Context())
	if err != nil {
		return err
	}
	body, err := render(data)
	if err != nil {
		return httpx.Errorf(http.StatusInternalServerError, "%v", err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // the browser is gone: nobody is left to tell
	return nil
}

func (s *Server) mayBrowse(r *http.Request) bool {
	if _, token, ok := r.BasicAuth(); ok {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return s.cfg.Auth.Operator(r) == nil
}

func (s *Server) pageData(ctx context.Context) (pageData, error) {
	names, err := s.cfg.Store.Functions(ctx)
	if err != nil {
		return pageData{}, wrapStore("list functions", err)
	}
	shown := names[:min(len(names), pageFunctions)]
	data := pageData{Hidden: len(names) - len(shown)}
	for _, fn := range shown {
		view, err := s.view(ctx, fn)
		if err != nil {
			return pageData{}, err
		}
		data.Functions = append(data.Functions, newFunctionData(view))
	}
	return data, nil
}

func newFunctionData(view agent.Function) functionData {
	view.Decisions = view.Decisions[:min(len(view.Decisions), pageDecisions)]
	d := functionData{Function: view}
	for _, e := range view.Pool {
		if e.Live() {
			d.Snapshots = append(d.Snapshots, e)
		}
	}
	d.Totals = totalsOf(view.Pool)
	d.Curve = newCurve(view.LatenciesUS, d.Snapshots)
	return d
}

func render(data pageData) ([]byte, error) {
	page, err := template.New("page").Funcs(template.FuncMap{
		"short":       shortID,
		"bytes":       bytesize.Format,
		"quarantined": Quarantined,
		"clock":       func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
	}).Parse(pageHTML)
	if err != nil {
		return nil, fmt.Errorf("parse the page: %w", err)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, data); err != nil {
		return nil, fmt.Errorf("render the page: %w", err)
	}
	return b.Bytes(), nil
}
