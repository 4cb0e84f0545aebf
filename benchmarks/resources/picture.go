package resources

import (
	"bufio"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
)

const (
	photoWidth, photoHeight = 6000, 4000
	photoQuality            = 93
	// The film's mark.
	markWidth, markHeight = 240, 320
)

// photo writes the picture of thumbnail: 24 megapixels of clouds, 4 MB.
func photo(path string) error {
	return encode(path, func(out *bufio.Writer) error {
		return jpeg.Encode(out, clouds(photoWidth, photoHeight), &jpeg.Options{Quality: photoQuality})
	})
}

// watermark writes what video draws onto its film: a ring, half transparent.
func watermark(path string) error {
	img := image.NewNRGBA(image.Rect(0, 0, markWidth, markHeight))
	for y := range markHeight {
		for x := range markWidth {
			r := math.Hypot(float64(x-markWidth/2), float64(y-markHeight/2))
			img.SetNRGBA(x, y, color.NRGBA{R: 250, G: 120, B: 30, A: ring(r)})
		}
	}
	return encode(path, func(out *bufio.Writer) error { return png.Encode(out, img) })
}

// ring is the opacity at a distance from the centre: full at 90, soft edges.
func ring(r float64) uint8 {
	return uint8(160 * max(0, 1-math.Abs(r-90)/20))
}

func encode(path string, write func(*bufio.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f)
	err = write(out)
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// clouds is an image of value noise: smooth fields of random values, coarse
// ones strong and fine ones weak, as in most photos, and some grain.
func clouds(width, height int) image.Image {
	rng := seeded("photo")
	img := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	layers := []field{newField(rng, 600, 90), newField(rng, 90, 50), newField(rng, 14, 22)}
	warm, cold := newField(rng, 500, 120), newField(rng, 400, 120)
	for y := range height {
		row := img.Y[y*img.YStride:]
		for x := range width {
			v := 128 + float64(rng.IntN(7)-3)
			for _, l := range layers {
				v += l.at(x, y)
			}
			row[x] = uint8(min(max(v, 0), 255))
		}
	}
	for y := range height / 2 {
		for x := range width / 2 {
			at := y*img.CStride + x
			img.Cb[at] = uint8(128 + cold.at(2*x, 2*y)/2)
			img.Cr[at] = uint8(128 + warm.at(2*x, 2*y)/2)
		}
	}
	return img
}

// field is random values on a grid of cells, smooth between its points.
type field struct {
	cell   int
	height float64 // values are within ± height/2
	values []float64
}

// fieldSize is the number of points of a field in each direction; beyond, it repeats.
const fieldSize = 512

func newField(rng *rand.Rand, cell int, height float64) field {
	f := field{cell: cell, height: height, values: make([]float64, fieldSize*fieldSize)}
	for i := range f.values {
		f.values[i] = rng.Float64() - 0.5
	}
	return f
}

func (f field) at(x, y int) float64 {
	cx, cy := x/f.cell, y/f.cell
	fx, fy := smooth(x%f.cell, f.cell), smooth(y%f.cell, f.cell)
	top := mix(f.point(cx, cy), f.point(cx+1, cy), fx)
	bottom := mix(f.point(cx, cy+1), f.point(cx+1, cy+1), fx)
	return f.height * mix(top, bottom, fy)
}

func (f field) point(x, y int) float64 {
	return f.values[y%fieldSize*fieldSize+x%fieldSize]
}

func mix(a, b, t float64) float64 { return a + (b-a)*t }

func smooth(at, cell int) float64 {
	t := float64(at) / float64(cell)
	return t * t * (3 - 2*t)
}
