package upstream

import "io"

// spliceFrom is how much of a body has to be left for it to be worth handing
// connection to connection, in bytes.
const spliceFrom = 64 << 10

// WriteTo passes what is left of the answer on to w. It is what io.Copy calls.
// Much that is left goes from connection to connection within the kernel where
// w can do that, as net/http's writer of an answer of known length can.
func (b *body) WriteTo(w io.Writer) (int64, error) {
	if b.err != nil || b.exchange.over.Load() {
		return b.copy(w) // which says why not
	}
	ahead := int64(b.exchange.conn.in.Buffered())
	to, ok := w.(io.ReaderFrom)
	if !ok || b.left-ahead < spliceFrom {
		return b.copy(w)
	}
	n, err := io.CopyN(struct{ io.Writer }{w}, b.ReadCloser, ahead)
	if err != nil {
		return n, b.fail(err)
	}
	m, err := b.splice(to, b.left-n)
	return n + m, err
}

// Buffered is how much of what comes next has been received already, in bytes:
// above 0 a Read does not wait, except for the rest of a chunk's length.
func (b *body) Buffered() int {
	if b.err != nil || b.exchange.over.Load() {
		return 0
	}
	return b.exchange.conn.in.Buffered()
}

// splice passes on the last bytes of the answer, of which none was read yet.
func (b *body) splice(to io.ReaderFrom, left int64) (int64, error) {
	rest := io.LimitedReader{R: b.exchange.conn.TCPConn, N: left}
	n, err := to.ReadFrom(&rest)
	if err == nil && rest.N > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return n, b.fail(err)
	}
	b.left, b.err = 0, b.exchange.finish(io.EOF)
	return n, nil
}

// fail ends the exchange with an error.
func (b *body) fail(err error) error {
	b.err = b.exchange.finish(err)
	return b.err
}

// copy passes the answer on in pieces.
func (b *body) copy(w io.Writer) (int64, error) {
	buf := b.exchange.transport.buffers.Get().(*[]byte)
	defer b.exchange.transport.buffers.Put(buf)
	var written int64
	for {
		n, err := b.Read(*buf)
		if n > 0 {
			m, werr := w.Write((*buf)[:n])
			written += int64(m)
			if werr != nil {
				return written, werr
			}
		}
		if err == io.EOF {
			return written, nil
		}
		if err != nil {
			return written, err
		}
	}
}
