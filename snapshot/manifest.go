package snapshot

import "time"

// Format names the version of the pool format that this package writes and
// reads; docs/pool-format.md describes it.
const Format = "pronghorn-snapshot/2"

// PageSize is the size of a page of memory, in bytes: the unit of sharing.
const PageSize = 4096

// Manifest describes one snapshot. It is the last object that is written of
// it, and its own checksum is kept with the pool entry.
type Manifest struct {
	// Format is the constant Format.
	Format string `json:"format"`
	ID     string `json:"id"`
	// Function is the name of the function.
	Function string `json:"function"`
	// Lifetime is the id of the lifetime in which it was taken.
	Lifetime string `json:"lifetime"`
	// Parent is the snapshot that this lifetime was restored from; "" if none.
	Parent string `json:"parent,omitempty"`
	// RequestNumber counts the requests that the process served in its lineage.
	RequestNumber int       `json:"request_number"`
	Created       time.Time `json:"created"`
	// Platform is the key of the platforms that can restore it.
	Platform string `json:"platform"`
	// Runtime is "pypy", "jvm", "node" or "other".
	Runtime string  `json:"runtime"`
	Process Process `json:"process"`
	// Files are the images that hold no pages, sorted by name. They lie, end to
	// end, in the frames Meta of the snapshot's own pack.
	Files []File  `json:"files"`
	Meta  []Frame `json:"meta"`
	// Pages are the images that hold pages, sorted by name.
	Pages []PageFile `json:"pages"`
	// Packs are all packs that Meta and the page maps refer to; the first is the
	// snapshot's own.
	Packs []PackRef `json:"packs"`
}

// Process is what a restorer must know of the process in the image.
type Process struct {
	// PID is the process id that the restored process will have.
	PID int `json:"pid"`
	// MaxTID is the highest thread id in the image.
	MaxTID int `json:"max_tid"`
	// TIDs are all process and thread ids that a restore takes.
	TIDs []int `json:"tids"`
	// Stdout and Stderr name the pipes ("pipe:[123]") in whose place the
	// restored process gets the restorer's own.
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr"`
}

// File is one image file that holds no pages.
type File struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// PageFile is one image file of pages.
type PageFile struct {
	Name string `json:"name"`
	// Bytes is a multiple of PageSize.
	Bytes int64 `json:"bytes"`
	// Map says where every page is, in base64; docs/pool-format.md describes it.
	Map string `json:"map"`
}

// PackRef is a pack and what of it a snapshot needs.
type PackRef struct {
	// ID names the object: PackKey(function, ID).
	ID string `json:"id"`
	// Bytes is the size of the whole object.
	Bytes int64 `json:"bytes"`
	// KeyID is the key with which the frames are encrypted; "" if they are not.
	KeyID string `json:"key_id,omitempty"`
	// Salt, in hex, makes the pack's own key of that one.
	Salt string `json:"salt,omitempty"`
	// Frames are the frames of pages that the snapshot needs, ascending.
	Frames []Frame `json:"frames"`
}

// Frame is a piece of a pack that is read as a whole.
type Frame struct {
	// N is the number of the frame in the pack that it was first written to.
	N int `json:"n"`
	// First is the number in the pack of the first of the Pages pages that the
	// frame holds. Both are 0 in a frame of Manifest.Meta.
	First int `json:"first,omitempty"`
	Pages int `json:"pages,omitempty"`
	// Offset and Bytes say where in the object it lies.
	Offset int64 `json:"offset"`
	Bytes  int64 `json:"bytes"`
	// Raw is the size after decompression, in bytes.
	Raw int64 `json:"raw"`
	// SHA256 is the checksum of the bytes as they are stored, in hex.
	SHA256 string `json:"sha256"`
}

// ImageBytes returns the size of the assembled image, in bytes.
func (m Manifest) ImageBytes() int64 {
	var n int64
	for _, f := range m.Files {
		n += f.Bytes
	}
	for _, p := range m.Pages {
		n += p.Bytes
	}
	return n
}

// storedBytes is the size of all frames that the image is made of, in bytes.
func (m Manifest) storedBytes() (n int64) {
	for i := range m.Packs {
		for _, f := range m.packFrames(i) {
			n += f.Bytes
		}
	}
	return n
}

// PackIDs returns the ids of all packs that the snapshot refers to; the first
// is its own.
func (m Manifest) PackIDs() []string {
	ids := make([]string, 0, len(m.Packs))
	for _, p := range m.Packs {
		ids = append(ids, p.ID)
	}
	return ids
}

// KeyIDs returns the ids of the keys that reading the snapshot takes, each
// once; none if it is not encrypted.
func (m Manifest) KeyIDs() []string {
	var ids []string
	seen := map[string]bool{"": true}
	for _, p := range m.Packs {
		if !seen[p.KeyID] {
			seen[p.KeyID] = true
			ids = append(ids, p.KeyID)
		}
	}
	return ids
}
