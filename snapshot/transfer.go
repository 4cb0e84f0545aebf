package snapshot

import (
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Transfer moves snapshots between a worker and the pool by URLs alone: a
// function container holds no credentials of the pool, only a URL for each
// object that it may read or write, presigned by S3 or served by the agent. It
// may be used by many goroutines at once.
type Transfer struct {
	// Faults is for tests: it is called with the name of every step that has
	// just been done, and may end the program there. nil in production.
	Faults func(step string)

	http  *retryablehttp.Client
	codec *codec
}

// step tells of a step that was done.
func (t *Transfer) step(name string) {
	if t.Faults != nil {
		t.Faults(name)
	}
}

// NewTransfer returns a Transfer over c; nil means a client of its own, whose
// timeouts suit objects of any size. Calls are bounded by their contexts.
func NewTransfer(c *http.Client) *Transfer {
	if c == nil {
		c = &http.Client{Transport: newTransport()}
	}
	return &Transfer{http: newRetrying(c), codec: newCodec()}
}

// StoreRequest says what to store and where.
type StoreRequest struct {
	// PackURL and ManifestURL are written to with PUT, in this order.
	PackURL, ManifestURL string
	// Image is what to store. Store closes it as soon as it is packed, and when
	// it fails.
	Image *Image
	// Manifest says who and when; Store fills in the format and what describes
	// the image.
	Manifest Manifest
	// Base is what the image may share pages with; nil shares nothing.
	Base *Base
	// Share are the ids of those packs of Base that may be referred to.
	Share []string
	// Keys has the key to encrypt with; nil does not encrypt.
	Keys *Keyring
	// WantBase has Stored.Base made, unless the next Fetch finds the image in the
	// cache, whose base costs next to nothing.
	WantBase bool
	// Cache gets the new pack too, and the image as Keep would; nil is none.
	Cache *Cache
}

// Stored says what was stored.
type Stored struct {
	// ManifestSHA256 is what the snapshot is registered with.
	ManifestSHA256 string
	// Moved is the number of bytes that were sent, repeated tries included.
	Moved int64
	// Pages is the number of pages of the image. Each is Zero, or Shared with
	// another snapshot, or New, or Repeated, that is, equal to a new one.
	Pages, Zero, Shared, New, Repeated int
	// StoredBytes is what the new pack and the manifest have.
	StoredBytes int64
	// Base is what a process that is restored from this snapshot can share with
	// it, as NewBase would make it; nil if it was not wanted, or not needed.
	Base *Base
	// How long hashing and comparing, packing, and sending took.
	HashTime, PackTime, UploadTime time.Duration
}

// FetchRequest says what to fetch and where to.
type FetchRequest struct {
	ManifestURL string
	// ManifestSHA256 is the registered checksum.
	ManifestSHA256 string
	// PackURLs are where the snapshot's packs are, by their ids. Ranges of them
	// are read with GET.
	PackURLs map[string]string
	// Dir is where the image is written, unless the cache has it as it is; it is
	// made when it is missing.
	Dir string
	// Cache is asked first, and gets what it does not have; nil is none.
	Cache *Cache
	// Keys has the keys that the snapshot is encrypted with.
	Keys *Keyring
	// Files is called as soon as dir has all files that hold no pages; nil = nobody
	// wants to know. It may be called when Fetch fails afterwards.
	Files func(dir string)
	// Later says what need not be there when Fetch returns; nil = all is needed. It
	// is asked when dir has all files that hold no pages.
	Later Later
}

// Fetched says what was fetched.
type Fetched struct {
	Manifest Manifest
	// Dir is where the image is, the caller's to remove: that of the request, or,
	// if the image was Kept in the cache, one with links to its files there,
	// which must not be written to.
	Dir  string
	Kept bool
	// Pages are the image's, if some could come later: the caller's to close. Dir is
	// complete only after Complete.
	Pages *Pages
	// Moved is the number of bytes that were received, repeated tries included,
	// also when Fetch fails; FromCache of those that the cache had.
	Moved, FromCache int64
	// DownloadTime is how long it took until the last byte was here, and
	// AssembleTime how long until the image was complete after that.
	DownloadTime, AssembleTime time.Duration

	manifestSHA256 string
}
