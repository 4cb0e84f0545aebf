package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// errChanged says that an image file changed while it was being packed.
var errChanged = errors.New("the file changed while it was being packed")

// PackDir writes the files of the image directory dir to w, end to end and
// sorted by name, and returns what it wrote. Logs and statistics of CRIU
// ("*.log", "stats-*") are left out; a directory or a link is an error.
func PackDir(ctx context.Context, dir string, w io.Writer) (Pack, error) {
	r, err := OpenPack(dir)
	if err != nil {
		return Pack{}, err
	}
	defer r.Close()
	if _, err := io.CopyBuffer(w, &ctxReader{ctx: ctx, r: r}, make([]byte, chunkSize)); err != nil {
		return Pack{}, fmt.Errorf("pack %s: %w", dir, err)
	}
	return r.Pack()
}

// PackReader reads the files of an image directory end to end and hashes what
// it reads, so that an upload reads and hashes every byte once. Nothing of the
// directory is held in memory but a chunk of 1 MiB.
type PackReader struct {
	mu    sync.Mutex // Pack may be asked while a transport still reads
	dir   string
	files []File // those before next have their sums
	next  int
	open  *os.File // files[next], or nil
	left  int64    // bytes of open that are not read yet
	sums  sums
	buf   []byte
	ready []byte // what of buf is read and hashed, but not handed out yet
	rest  int64  // bytes that were not handed out yet
}

// OpenPack starts to read the image directory dir from its beginning. A try
// that failed is repeated with a new PackReader.
func OpenPack(dir string) (*PackReader, error) {
	files, err := listImages(dir)
	if err != nil {
		return nil, err
	}
	r := &PackReader{dir: dir, files: files, sums: newSums()}
	for _, f := range files {
		r.rest += f.Bytes
	}
	r.skipEmpty()
	return r, nil
}

// Len returns the number of bytes that are still to be read.
func (r *PackReader) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int(r.rest)
}

// Read implements io.Reader. A file that grew or shrank since OpenPack is an
// error, which comes instead of the file's last bytes: the receiver of a pack
// of a changing directory never gets it whole.
func (r *PackReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ready) == 0 {
		if r.next == len(r.files) {
			return 0, io.EOF
		}
		if err := r.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.ready)
	r.ready, r.rest = r.ready[n:], r.rest-int64(n)
	return n, nil
}

// Close releases the file that is being read.
func (r *PackReader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closeFile()
}

// Pack describes what was read. It is an error before everything was.
func (r *PackReader) Pack() (Pack, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rest > 0 {
		return Pack{}, fmt.Errorf("pack of %s: %d bytes of it were not read", r.dir, r.rest)
	}
	p := Pack{SHA256: hexSum(r.sums.whole), Files: append([]File(nil), r.files...)}
	for _, f := range r.files {
		p.Bytes += f.Bytes
	}
	return p, nil
}

// fill reads and hashes the next chunk, which is of one file; when it is the
// file's last, the file is finished before anybody sees the chunk.
func (r *PackReader) fill() error {
	if err := r.openFile(); err != nil {
		return err
	}
	if r.buf == nil {
		r.buf = make([]byte, chunkSize)
	}
	chunk := r.buf[:min(int64(len(r.buf)), r.left)]
	if _, err := io.ReadFull(r.open, chunk); err != nil {
		return r.readError(err)
	}
	if err := r.sums.write(chunk, io.Discard); err != nil {
		return err
	}
	r.left -= int64(len(chunk))
	if r.left == 0 {
		if err := r.endFile(); err != nil {
			return err
		}
	}
	r.ready = chunk
	return nil
}

func (r *PackReader) openFile() error {
	if r.open != nil {
		return nil
	}
	f, err := os.Open(filepath.Join(r.dir, r.files[r.next].Name))
	if err != nil {
		return fmt.Errorf("open an image file: %w", err)
	}
	r.open, r.left = f, r.files[r.next].Bytes
	return nil
}

func (r *PackReader) readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &fs.PathError{Op: "read", Path: r.open.Name(), Err: errChanged}
	}
	return fmt.Errorf("read an image file: %w", err)
}

func (r *PackReader) endFile() error {
	info, err := r.open.Stat()
	if err != nil {
		return fmt.Errorf("finish an image file: %w", err)
	}
	if info.Size() != r.files[r.next].Bytes {
		return &fs.PathError{Op: "read", Path: r.open.Name(), Err: errChanged}
	}
	r.files[r.next].SHA256 = r.sums.endFile()
	r.next++
	r.skipEmpty()
	return r.closeFile()
}

// skipEmpty passes over files without a byte: CRIU writes such, and Read must
// see the end right after the last byte.
func (r *PackReader) skipEmpty() {
	for r.next < len(r.files) && r.files[r.next].Bytes == 0 {
		r.files[r.next].SHA256 = r.sums.endFile()
		r.next++
	}
}

func (r *PackReader) closeFile() error {
	if r.open == nil {
		return nil
	}
	f := r.open
	r.open = nil
	return f.Close()
}

// listImages returns names and sizes of what belongs into a pack, sorted by name.
func listImages(dir string) ([]File, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the image directory: %w", err)
	}
	var files []File
	for _, e := range entries {
		if skipped(e.Name()) {
			continue
		}
		f, err := imageFile(dir, e)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil, &fs.PathError{Op: "pack", Path: dir, Err: errors.New("no image files in the directory")}
	}
	return files, nil
}

// skipped names what CRIU leaves beside the images and no restore reads.
func skipped(name string) bool {
	return strings.HasSuffix(name, ".log") || strings.HasPrefix(name, "stats-")
}

func imageFile(dir string, e fs.DirEntry) (File, error) {
	path := filepath.Join(dir, e.Name())
	info, err := e.Info()
	if err != nil {
		return File{}, fmt.Errorf("list the image directory: %w", err)
	}
	if !info.Mode().IsRegular() {
		return File{}, &fs.PathError{Op: "pack", Path: path, Err: fmt.Errorf("want regular files only, this is %v", info.Mode())}
	}
	if err := checkName("image file", e.Name()); err != nil {
		return File{}, &fs.PathError{Op: "pack", Path: path, Err: err}
	}
	return File{Name: e.Name(), Bytes: info.Size()}, nil
}

// ctxReader fails once its context is done.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
