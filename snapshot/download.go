package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// download gets frames from the pool, several ranges at a time.
func (l *load) download(ctx context.Context, frames []Frame) error {
	url, known := l.req.PackURLs[l.ID]
	if !known {
		return errors.New("there is no URL for it")
	}
	var missing int64
	for _, f := range frames {
		missing += f.Bytes
	}
	if l.cached != nil && !l.req.Cache.makeRoom(missing) {
		l.cached.off.Store(true)
	}
	ranges := rangesOf(frames)
	return parallel(ctx, len(ranges), maxConnections, func() func(int) error {
		return func(i int) error {
			select {
			case l.connections <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			defer func() { <-l.connections }()
			return l.fetchRange(ctx, url, ranges[i])
		}
	})
}

// fetchRange gets the frames of a range. After an error that may pass, what is
// missing is asked for again, several times if no frame came.
func (l *load) fetchRange(ctx context.Context, url string, r frameRange) error {
	for attempt := 0; ; attempt++ {
		got, err := l.tryRange(ctx, url, r)
		if err == nil || got == len(r.frames) {
			return err
		}
		if got > 0 {
			r, attempt = r.from(got), 0
		}
		if repeat, _ := again(ctx, nil, err); !repeat || attempt == tries-1 {
			return err
		}
		select {
		case <-time.After(backoff(minWait, maxWait, attempt, nil)):
		case <-ctx.Done():
			return err
		}
	}
}

// tryRange returns how many frames have come. They are worked on while the next
// ones come.
func (l *load) tryRange(ctx context.Context, url string, r frameRange) (got int, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var working sync.WaitGroup
	err = l.getRange(ctx, url, r, l.Bytes, func(body io.Reader) error {
		return r.each(body, l.buffer, func(f Frame, stored []byte) error {
			got++
			l.lastByte.Store(time.Now().UnixNano())
			work := func() {
				if err := l.accept(f, stored); err != nil {
					cancel(err)
				}
			}
			if l.later != nil && l.isMeta(f) { // what is needed is known only then
				work()
			} else {
				l.hand(&working, work)
			}
			return nil
		})
	})
	working.Wait()
	if cause := context.Cause(ctx); cause != nil { // this is why the transfer ended
		return len(r.frames), cause
	}
	return got, err
}

// hand has a frame worked on while the next ones come: as quickly as they can
// where each has memory of its own, and else as quickly as they are worked on,
// which bounds the memory.
func (l *load) hand(working *sync.WaitGroup, work func()) {
	takeTurn := sync.OnceFunc(func() { l.cpus <- struct{}{} })
	if l.later == nil {
		takeTurn()
	}
	working.Go(func() {
		takeTurn()
		defer func() { <-l.cpus }()
		work()
	})
}

// accept verifies a frame from the pool, keeps it in the cache, and puts it in
// its places.
func (l *load) accept(f Frame, stored []byte) error {
	if err := f.verify(stored); err != nil {
		l.free(stored)
		return err
	}
	l.keep(f, stored)
	return l.put(f, stored)
}

// getRange hands the bytes of a range of the object at url to handle, once. The
// object must have size bytes.
func (s *sender) getRange(ctx context.Context, url string, r frameRange, size int64, handle func(io.Reader) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return bare(err)
	}
	req.Header.Set("Accept-Encoding", "identity") // the checksums are of the bytes as they are stored
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", r.offset, r.offset+r.bytes-1))
	resp, err := s.http.HTTPClient.Do(req)
	if err == nil {
		defer resp.Body.Close()
		err = s.handleRange(resp, r, size, handle)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", where(req), bare(err))
	}
	return nil
}

func (s *sender) handleRange(resp *http.Response, r frameRange, size int64, handle func(io.Reader) error) error {
	body := counter{resp.Body, s.moved}
	switch resp.StatusCode {
	case http.StatusPartialContent:
		if err := checkContentRange(resp.Header.Get("Content-Range"), r, size); err != nil {
			return err
		}
		return handle(body)
	case http.StatusOK: // the server knows no ranges
		if resp.ContentLength >= 0 && resp.ContentLength != size {
			return wrongSize(strconv.FormatInt(resp.ContentLength, 10), size)
		}
		if err := skip(body, r.offset); err != nil {
			return err
		}
		return handle(body)
	case http.StatusRequestedRangeNotSatisfiable:
		return wrongSize("less", size)
	}
	return readStatus(resp)
}

// checkContentRange checks "bytes FIRST-LAST/SIZE".
func checkContentRange(header string, r frameRange, size int64) error {
	span, total, _ := strings.Cut(strings.TrimPrefix(header, "bytes "), "/")
	if total != "*" && total != strconv.FormatInt(size, 10) {
		return wrongSize(strconv.Quote(total), size)
	}
	if want := fmt.Sprintf("%d-%d", r.offset, r.offset+r.bytes-1); span != want {
		return fmt.Errorf("%w: the server sends the range %q of it, asked was for %s", ErrCorrupt, header, want)
	}
	return nil
}

func wrongSize(has string, want int64) error {
	return fmt.Errorf("%w: it has %s bytes, the manifest says %d", ErrCorrupt, has, want)
}
