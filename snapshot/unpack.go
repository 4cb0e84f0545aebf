package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// Unpack writes the files of the pack p, which it reads from r, into dir with
// mode 0600; dir is made when it is missing. Every length and every checksum is
// verified: data that is short, long or different is ErrCorrupt, a failing r
// is r's error. After an error nothing that Unpack wrote is left.
func Unpack(ctx context.Context, r io.Reader, p Pack, dir string) error {
	if err := p.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the image directory: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the image directory: %w", err)
	}
	defer root.Close()
	out := &imageDir{root: root}
	if err := scan(ctx, r, p, out.create); err != nil {
		return errors.Join(fmt.Errorf("unpack into %s: %w", dir, err), out.remove())
	}
	return nil
}

// imageDir remembers what it created, to be able to remove it again.
type imageDir struct {
	root    *os.Root
	created []string
}

func (d *imageDir) create(name string) (io.WriteCloser, error) {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		d.created = append(d.created, name)
	}
	return f, err
}

func (d *imageDir) remove() error {
	var errs []error
	for _, name := range d.created {
		errs = append(errs, d.root.Remove(name))
	}
	return errors.Join(errs...)
}

// scan reads a pack, verifies all of it, and writes every file to what create
// returns for its name.
func scan(ctx context.Context, r io.Reader, p Pack, create func(string) (io.WriteCloser, error)) error {
	s := scanner{r: &ctxReader{ctx: ctx, r: r}, sums: newSums(), buf: make([]byte, min(chunkSize, max(p.Bytes, 1)))}
	for _, f := range p.Files {
		if err := s.file(f, create); err != nil {
			return fmt.Errorf("image file %s: %w", f.Name, err)
		}
	}
	if err := s.end(); err != nil {
		return err
	}
	if got := hexSum(s.sums.whole); got != p.SHA256 {
		return fmt.Errorf("%w: sha256 of the pack is %s, the manifest says %s", ErrCorrupt, got, p.SHA256)
	}
	return nil
}

type scanner struct {
	r    io.Reader
	sums sums
	buf  []byte
}

func (s *scanner) file(f File, create func(string) (io.WriteCloser, error)) (err error) {
	w, err := create(f.Name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	for left := f.Bytes; left > 0; {
		chunk := s.buf[:min(int64(len(s.buf)), left)]
		if err := readFull(s.r, chunk); err != nil {
			return err
		}
		if err := s.sums.write(chunk, w); err != nil {
			return err
		}
		left -= int64(len(chunk))
	}
	if got := s.sums.endFile(); got != f.SHA256 {
		return fmt.Errorf("%w: its sha256 is %s, the manifest says %s", ErrCorrupt, got, f.SHA256)
	}
	return nil
}

// end makes sure that nothing follows the last file.
func (s *scanner) end() error {
	switch err := readFull(s.r, s.buf[:1]); {
	case err == nil:
		return fmt.Errorf("%w: the pack is longer than its files", ErrCorrupt)
	case errors.Is(err, errShort):
		return nil
	default:
		return err
	}
}

var errShort = fmt.Errorf("%w: the pack ends early", ErrCorrupt)

// readFull is io.ReadFull, except that it tells the end of the data (errShort)
// from a reader that failed with io.ErrUnexpectedEOF, as a cut connection does:
// the one is corrupt, the other worth another try.
func readFull(r io.Reader, buf []byte) error {
	for len(buf) > 0 {
		n, err := r.Read(buf)
		buf = buf[n:]
		if len(buf) == 0 {
			return nil
		}
		if errors.Is(err, io.EOF) {
			return errShort
		}
		if err != nil {
			return err
		}
	}
	return nil
}
