package results

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// Writer appends records to a file. Each record is one write of one line, so
// that whatever interrupts a run costs at most the record that was on its way.
// It is safe for concurrent use.
type Writer[T Record[T]] struct {
	mu     sync.Mutex
	file   *os.File
	size   int64 // of the whole lines in the file
	layout layout[T]
}

// OpenAppend opens the file at path for appending. It makes the file and its
// directory if there are none, removes an unfinished last line, writes the
// header of a file that has none yet, and fails when the file has another one.
func OpenAppend[T Record[T]](path string) (*Writer[T], error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("open results: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open results: %w", err)
	}
	var record T
	w := &Writer[T]{file: file, layout: record.layout()}
	if err := w.prepare(path); err != nil {
		file.Close()
		return nil, err
	}
	return w, nil
}

// prepare leaves the file with its header and whole lines only.
func (w *Writer[T]) prepare(path string) error {
	size, err := wholeLines(w.file)
	if err != nil {
		return fmt.Errorf("repair %s: %w", path, err)
	}
	if err := w.file.Truncate(size); err != nil {
		return fmt.Errorf("repair %s: %w", path, err)
	}
	w.size = size
	if !w.layout.header {
		return nil
	}
	if size == 0 {
		return w.write(w.layout.names())
	}
	d := newDecoder[T](io.NewSectionReader(w.file, 0, size), path)
	err = d.header()
	w.layout = d.layout // an older file may lack columns
	return err
}

// wholeLines returns the size of a file up to its last line feed. It reads
// backwards, for a file may be long and an unfinished line is short.
func wholeLines(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	buf := make([]byte, 4096)
	for end := info.Size(); end > 0; {
		start := max(0, end-int64(len(buf)))
		chunk := buf[:end-start]
		if _, err := f.ReadAt(chunk, start); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(chunk, '\n'); i >= 0 {
			return start + int64(i) + 1, nil
		}
		end = start
	}
	return 0, nil
}

// Append writes a record to the end of the file.
func (w *Writer[T]) Append(record T) error {
	return w.write(w.layout.cells(&record))
}

// write appends one line. When that fails half-way, on a full disk for
// instance, it takes the half line back, so that a later one starts afresh.
func (w *Writer[T]) write(cells []string) error {
	var line bytes.Buffer
	enc := csv.NewWriter(&line)
	if err := enc.Write(cells); err != nil {
		return fmt.Errorf("encode a line of results: %w", err)
	}
	enc.Flush() // into memory: cannot fail

	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.file.Write(line.Bytes())
	if err == nil {
		w.size += int64(n)
		return nil
	}
	if n > 0 {
		// The error to report is that of the write; OpenAppend repairs the rest.
		_ = w.file.Truncate(w.size)
	}
	return fmt.Errorf("append results: %w", err)
}

// Close closes the file.
func (w *Writer[T]) Close() error {
	if err := w.file.Close(); err != nil {
		return fmt.Errorf("close results: %w", err)
	}
	return nil
}
