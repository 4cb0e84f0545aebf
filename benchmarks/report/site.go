package report

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// indexPage is the name of the page that holds everything.
const indexPage = "index.html"

// WriteSite writes the evaluation as a page with its figures as SVG and PNG,
// its tables as CSV, and summary.json into a directory, which it makes if there
// is none, and returns the path of the page. What an earlier report has left
// there and this one does not have is removed. A figure that cannot be drawn
// is a problem that the page tells.
func (e Evaluation) WriteSite(dir string) (page string, err error) {
	files, err := e.site()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("write report: %w", err)
	}
	for _, name := range siteNames() {
		path := filepath.Join(dir, name)
		content, ok := files[name]
		if !ok {
			err = os.Remove(path)
		} else {
			err = os.WriteFile(path, content, 0o644)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("write report: %w", err)
		}
	}
	return filepath.Join(dir, indexPage), nil
}

// siteNames are the files that a site may have, the page last: where it is,
// all of it is.
func siteNames() []string {
	var names []string
	for _, figure := range []string{
		forestFigure, figure4, figure5, figureOther, lineagePyPy, lineageJVM, lineageOther, sweepFigure,
	} {
		names = append(names, figure+".svg", figure+".png")
	}
	for _, t := range []string{
		"overall", "improvement", "with-start", "without-gc", "table-4", "table-5",
		"picks", "fixed-k", "configurations", "lifetimes", "request-numbers", "extent", "runs",
	} {
		names = append(names, t+".csv")
	}
	return append(names, "summary.json", indexPage)
}

// site makes the files of the pages, by name.
func (e Evaluation) site() (map[string][]byte, error) {
	files := make(map[string][]byte)
	figures, err := e.siteFigures()
	if err == nil {
		err = drawAll(files, figures)
	}
	if err != nil {
		e.Problems = append(e.Problems, err.Error())
	}
	for name, t := range e.siteTables() {
		content, err := t.csv()
		if err != nil {
			return nil, err
		}
		files[name+".csv"] = content
	}
	var summary bytes.Buffer
	if err := e.Document().write(&summary); err != nil {
		return nil, err
	}
	files["summary.json"] = summary.Bytes()
	files[indexPage], err = e.page(files)
	return files, err
}

// drawAll adds what can be drawn to files; the rest is in the error.
func drawAll(files map[string][]byte, figures map[string]grid) error {
	var errs []error
	for name, g := range figures {
		for _, format := range []ImageFormat{SVG, PNG} {
			var image bytes.Buffer
			if err := g.write(&image, format); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
				continue
			}
			files[name+"."+string(format)] = image.Bytes()
		}
	}
	return errors.Join(errs...)
}
