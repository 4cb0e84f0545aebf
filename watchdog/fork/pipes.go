package fork

import "os"

// pipes are those of stdin, stdout and stderr.
type pipes [3]struct{ r, w *os.File }

func openPipes() (*pipes, error) {
	p := &pipes{}
	for i := range p {
		var err error
		if p[i].r, p[i].w, err = os.Pipe(); err != nil {
			p.close()
			return nil, err
		}
	}
	return p, nil
}

func (p *pipes) close() {
	for _, pipe := range p {
		closeAll(pipe.r, pipe.w)
	}
}

// closeAll closes files of which nothing more is expected; nil ones are none.
func closeAll(files ...*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
