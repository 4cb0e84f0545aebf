package snapshot

import (
	"errors"
	"fmt"
)

// What a manifest may claim. The sums of what is within these bounds do not
// overflow, and nothing that a reader allocates is larger than a frame.
const (
	maxFiles     = 4096    // images, with and without pages
	maxImage     = 1 << 36 // bytes of an image, 64 GiB
	maxPacks     = 1024
	maxPackBytes = 1 << 40
	maxFrames    = 1 << 20 // frames of a pack, as N counts them
	// maxFramePages is the largest frame that a reader takes; framePages is
	// what is written.
	maxFramePages = 256
	maxFrameRaw   = maxFramePages * PageSize
	// maxPackPages bounds page numbers in a pack.
	maxPackPages = maxImage / PageSize
	// frameOverhead is the most that a frame can have more than its contents.
	frameOverhead = 1024
)

// checkFiles checks names and sizes of all images.
func (m Manifest) checkFiles() error {
	if len(m.Files)+len(m.Pages) > maxFiles {
		return fmt.Errorf("%d files and %d pages: want at most %d", len(m.Files), len(m.Pages), maxFiles)
	}
	left, seen := int64(maxImage), map[string]bool{}
	last := ""
	for _, f := range m.Files {
		if err := checkFile("files", f.Name, last, f.Bytes, &left, seen); err != nil {
			return err
		}
		last = f.Name
	}
	last = ""
	for _, p := range m.Pages {
		if err := checkFile("pages", p.Name, last, p.Bytes, &left, seen); err != nil {
			return err
		}
		if p.Bytes%PageSize != 0 {
			return fmt.Errorf("pages: %s: bytes %d: want a multiple of %d", p.Name, p.Bytes, PageSize)
		}
		last = p.Name
	}
	return nil
}

// checkFile checks an image that follows the one named last in its list; left
// is what of an image's size the others leave.
func checkFile(list, name, last string, size int64, left *int64, seen map[string]bool) error {
	switch {
	case !validName(name):
		return checkName(list+": name", name)
	case name <= last:
		return fmt.Errorf("%s: %q after %q: want images sorted by name, each once", list, name, last)
	case seen[name]:
		return fmt.Errorf("%s: %q is among files too", list, name)
	case size < 0 || size > *left:
		return fmt.Errorf("%s: %s: bytes %d: want 0 or more, and at most %d for all images", list, name, size, int64(maxImage))
	}
	seen[name] = true
	*left -= size
	return nil
}

func (m Manifest) checkPacks() error {
	if len(m.Packs) == 0 || len(m.Packs) > maxPacks {
		return fmt.Errorf("%d packs: want 1 to %d", len(m.Packs), maxPacks)
	}
	seen := map[string]bool{}
	for i, p := range m.Packs {
		if seen[p.ID] {
			return fmt.Errorf("packs: %q: want each pack once", p.ID)
		}
		seen[p.ID] = true
		if err := p.check(m.packFrames(i)); err != nil {
			return fmt.Errorf("packs: %q: %w", p.ID, err)
		}
	}
	return nil
}

// check checks a pack of which the snapshot needs the frames.
func (p PackRef) check(frames []Frame) error {
	switch {
	case !validName(p.ID):
		return checkName("id", p.ID)
	case p.Bytes < 1 || p.Bytes > maxPackBytes:
		return fmt.Errorf("bytes %d: want 1 to %d", p.Bytes, int64(maxPackBytes))
	case p.KeyID != "" && !validName(p.KeyID):
		return checkName("key_id", p.KeyID)
	case p.KeyID != "" && !validSHA256(p.Salt):
		return fmt.Errorf("salt %q: want 64 lower-case hex digits", p.Salt)
	case p.KeyID == "" && p.Salt != "":
		return fmt.Errorf("salt %q without a key_id", p.Salt)
	case len(frames) == 0:
		return errors.New("no frame of it is needed")
	}
	end := Frame{N: -1} // First and Offset are the least that the next may have
	for _, f := range frames {
		if err := f.check(end, p.Bytes); err != nil {
			return fmt.Errorf("frame %d: %w", f.N, err)
		}
		end = Frame{N: f.N, First: f.First + f.Pages, Offset: f.Offset + f.Bytes}
	}
	return nil
}

// check checks a frame in a pack of size bytes.
func (f Frame) check(end Frame, size int64) error {
	switch {
	case f.N <= end.N || f.N >= maxFrames:
		return fmt.Errorf("after frame %d: want ascending numbers below %d", end.N, maxFrames)
	case f.Raw < 1 || f.Raw > maxFrameRaw:
		return fmt.Errorf("raw %d: want 1 to %d", f.Raw, maxFrameRaw)
	case f.Bytes < 1 || f.Bytes > f.Raw+frameOverhead:
		return fmt.Errorf("bytes %d: want 1 to %d", f.Bytes, f.Raw+frameOverhead)
	case f.Offset < end.Offset || f.Offset > size-f.Bytes:
		return fmt.Errorf("offset %d: want %d to %d", f.Offset, end.Offset, size-f.Bytes)
	case f.Pages < 0 || f.Pages > maxFramePages || f.First < 0 || f.First > maxPackPages-f.Pages:
		return fmt.Errorf("%d pages from page %d: want at most %d pages, below %d", f.Pages, f.First, maxFramePages, maxPackPages)
	case f.Pages > 0 && f.First < end.First:
		return fmt.Errorf("first %d: want at least %d", f.First, end.First)
	case !validSHA256(f.SHA256):
		return fmt.Errorf("sha256 %q: want 64 lower-case hex digits", f.SHA256)
	}
	return nil
}

// checkMeta checks which frames hold pages and which metadata.
func (m Manifest) checkMeta() error {
	var files, frames int64
	for _, f := range m.Files {
		files += f.Bytes
	}
	for _, f := range m.Meta {
		if f.Pages != 0 || f.First != 0 {
			return fmt.Errorf("meta: frame %d: %d pages from page %d: want none", f.N, f.Pages, f.First)
		}
		frames += f.Raw
	}
	if files != frames || files == 0 {
		return fmt.Errorf("meta: the frames hold %d bytes, the files have %d: want the same, and not nothing", frames, files)
	}
	for _, p := range m.Packs {
		for _, f := range p.Frames {
			if f.Pages == 0 || f.Raw != int64(f.Pages)*PageSize {
				return fmt.Errorf("packs: %q: frame %d: raw %d: want %d for each of %d pages, at least one", p.ID, f.N, f.Raw, PageSize, f.Pages)
			}
		}
	}
	return nil
}

// checkMaps makes sure that every page is where it can be read.
func (m Manifest) checkMaps() error {
	if err := checkMapSizes(m.Pages); err != nil {
		return err
	}
	spans := make([]spans, len(m.Packs))
	for i, p := range m.Packs {
		spans[i] = spansOf(p.Frames)
	}
	runsLeft := maxRuns
	for _, p := range m.Pages {
		runs, err := decodeMap(p.Map, p.Bytes/PageSize, len(m.Packs), runsLeft)
		if err != nil {
			return fmt.Errorf("pages: %s: map: %w", p.Name, err)
		}
		runsLeft -= len(runs)
		for _, r := range runs {
			if r.pack != zero && !spans[r.pack].hold(r.first, r.pages) {
				return fmt.Errorf("pages: %s: map: %d pages from page %d of pack %q are in no frame that is listed", p.Name, r.pages, r.first, m.Packs[r.pack].ID)
			}
		}
	}
	return nil
}
