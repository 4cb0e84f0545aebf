package snapshot

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// codec compresses and decompresses. It may be used by many goroutines at once.
type codec struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

// newCodec returns a codec that starts no goroutine and takes its memory when
// it is used. There is no checksum of zstd's: every frame has a SHA-256.
func newCodec() *codec {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false),
		zstd.WithEncoderConcurrency(workers()), zstd.WithWindowSize(metaFrame), zstd.WithSingleSegment(true)) // which says how large the contents are
	if err != nil {
		panic(err) // an option is out of its range
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(workers()), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxWindow(maxMap))
	if err != nil {
		panic(err)
	}
	return &codec{encoder: encoder, decoder: decoder}
}

func (c *codec) compress(raw []byte) []byte { return c.encoder.EncodeAll(raw, nil) }

// decompress returns the contents, which must have size bytes and fit into the
// capacity of buf.
func (c *codec) decompress(zipped, buf []byte, size int64) ([]byte, error) {
	raw, err := c.decoder.DecodeAll(zipped, buf[:0])
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	if int64(len(raw)) != size {
		return nil, fmt.Errorf("decompress: %d bytes, want %d", len(raw), size)
	}
	return raw, nil
}
