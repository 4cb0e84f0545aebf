package snapshot

import "io"

const (
	// maxGap is how much between two frames is read through rather than asked
	// around, in bytes: about what a request costs, some 5 ms or more.
	maxGap = 512 << 10
	// maxRange is how much is asked for at a time, so that a large pack comes
	// over several connections.
	maxRange = 4 << 20
)

// frameRange is a range of a pack that is asked for at once.
type frameRange struct {
	offset, bytes int64
	frames        []Frame
}

// rangesOf returns the ranges in which frames, ascending by their offsets, are
// read.
func rangesOf(frames []Frame) []frameRange {
	var ranges []frameRange
	for _, f := range frames {
		if n := len(ranges); n > 0 && ranges[n-1].takes(f) {
			last := &ranges[n-1]
			last.frames = append(last.frames, f)
			last.bytes = f.Offset + f.Bytes - last.offset
			continue
		}
		ranges = append(ranges, frameRange{f.Offset, f.Bytes, []Frame{f}})
	}
	return ranges
}

func (r frameRange) takes(f Frame) bool {
	gap := f.Offset - (r.offset + r.bytes)
	return gap <= maxGap && r.bytes+gap+f.Bytes <= maxRange
}

// from returns what is left of a range without its first n frames.
func (r frameRange) from(n int) frameRange {
	frames := r.frames[n:]
	return frameRange{offset: frames[0].Offset, bytes: r.offset + r.bytes - frames[0].Offset, frames: frames}
}

// each reads the frames of the range, whose bytes body gives, into the memory
// that buf returns for each, and hands them out.
func (r frameRange) each(body io.Reader, buf func(Frame) []byte, use func(Frame, []byte) error) error {
	at := r.offset
	for _, f := range r.frames {
		if err := skip(body, f.Offset-at); err != nil {
			return err
		}
		stored := buf(f)
		if err := readFull(body, stored); err != nil {
			return err
		}
		if err := use(f, stored); err != nil {
			return err
		}
		at = f.Offset + f.Bytes
	}
	return nil
}

func skip(r io.Reader, n int64) error {
	_, err := io.CopyN(io.Discard, r, n)
	return short(err)
}

func readFull(r io.Reader, buf []byte) error {
	_, err := io.ReadFull(r, buf)
	return short(err)
}

// short makes an early end one that may pass: a range is never longer than the
// object, so it was the connection.
func short(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
