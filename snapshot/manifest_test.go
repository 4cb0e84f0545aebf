package snapshot_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// child stores images() as "s1" and a changed image, which shares pages with
// it, as "s2". It returns the server and the manifest of "s2".
func child(t testing.TB) (*server, snapshot.Manifest) {
	t.Helper()
	s, sha := stored(t)
	base := s.base(t, "s1", sha)
	changed := images()
	copy(changed["pages-1.img"][100*snapshot.PageSize:], textPages(10, 2))
	req := s.storeRequest("s2", openImage(t, changed))
	req.Base, req.Share = base, base.Packs()
	if _, err := s.store(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	return s, s.manifest(t, "s2")
}

// base is what a snapshot of this server can be shared from.
func (s *server) base(t testing.TB, id, sha string) *snapshot.Base {
	t.Helper()
	dir := t.TempDir()
	if _, err := s.fetch(t.Context(), id, sha, dir); err != nil {
		t.Fatal(err)
	}
	base, err := snapshot.NewBase(t.Context(), s.manifest(t, id), dir)
	if err != nil {
		t.Fatal(err)
	}
	return base
}

func encode(t testing.TB, m snapshot.Manifest) ([]byte, string) {
	t.Helper()
	raw, sha, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return raw, sha
}

func TestAManifestSurvivesEncoding(t *testing.T) {
	_, want := child(t)
	raw, sha := encode(t, want)
	got, err := snapshot.DecodeManifest(raw, sha)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAManifestSaysWhatItRefersTo(t *testing.T) {
	_, m := child(t)
	if diff := cmp.Diff([]string{"s2", "s1"}, m.PackIDs()); diff != "" {
		t.Errorf("packs (-want +got):\n%s", diff)
	}
	if ids := m.KeyIDs(); len(ids) > 0 {
		t.Errorf("keys %q of what is not encrypted", ids)
	}
	var want int64
	for _, data := range images() {
		want += int64(len(data))
	}
	if got := m.ImageBytes(); got != want {
		t.Errorf("an image of %d bytes, want %d", got, want)
	}
}

// varints makes a page map.
func varints(values ...byte) string {
	enc, _ := zstd.NewWriter(nil, zstd.WithSingleSegment(true))
	return base64.StdEncoding.EncodeToString(enc.EncodeAll(values, nil))
}

// bomb is a page map of very many bytes in few.
func bomb(n int) string {
	enc, _ := zstd.NewWriter(nil, zstd.WithSingleSegment(true))
	return base64.StdEncoding.EncodeToString(enc.EncodeAll(make([]byte, n), nil))
}

func TestAManifestThatContradictsItselfIsNotWritten(t *testing.T) {
	_, good := child(t)
	raw, _ := encode(t, good)
	for name, tc := range map[string]struct {
		spoil func(*snapshot.Manifest)
		says  string
	}{
		"no format":              {func(m *snapshot.Manifest) { m.Format = "" }, "format"},
		"no id":                  {func(m *snapshot.Manifest) { m.ID = "" }, "id"},
		"a path as function":     {func(m *snapshot.Manifest) { m.Function = "../x" }, "function"},
		"no lifetime":            {func(m *snapshot.Manifest) { m.Lifetime = "" }, "lifetime"},
		"a strange parent":       {func(m *snapshot.Manifest) { m.Parent = "/" }, "parent"},
		"its own parent":         {func(m *snapshot.Manifest) { m.Parent = m.ID }, "own parent"},
		"a negative request":     {func(m *snapshot.Manifest) { m.RequestNumber = -1 }, "request_number -1"},
		"never created":          {func(m *snapshot.Manifest) { m.Created = time.Time{} }, "created"},
		"no platform":            {func(m *snapshot.Manifest) { m.Platform = "" }, "platform"},
		"an unknown runtime":     {func(m *snapshot.Manifest) { m.Runtime = "perl" }, "runtime \"perl\""},
		"no pid":                 {func(m *snapshot.Manifest) { m.Process.PID = 0 }, "pid 0"},
		"no tids":                {func(m *snapshot.Manifest) { m.Process.TIDs = nil }, "tids"},
		"pid not in tids":        {func(m *snapshot.Manifest) { m.Process.PID = 8 }, "pid 8"},
		"tids not sorted":        {func(m *snapshot.Manifest) { m.Process.TIDs = []int{9, 7} }, "7 after 9"},
		"a tid twice":            {func(m *snapshot.Manifest) { m.Process.TIDs = []int{7, 7, 9} }, "7 after 7"},
		"a tid beyond Linux":     {func(m *snapshot.Manifest) { m.Process.TIDs = []int{7, 5 << 20} }, "tids"},
		"another max_tid":        {func(m *snapshot.Manifest) { m.Process.MaxTID = 10 }, "max_tid 10"},
		"a file as stdout":       {func(m *snapshot.Manifest) { m.Process.Stdout = "/dev/pts/0" }, "/dev/pts/0"},
		"half a pipe as stderr":  {func(m *snapshot.Manifest) { m.Process.Stderr = "pipe:[1" }, "pipe:[1"},
		"no files":               {func(m *snapshot.Manifest) { m.Files = nil }, "meta"},
		"a file that leads out":  {func(m *snapshot.Manifest) { m.Files[0].Name = "../a" }, "../a"},
		"files not sorted":       {func(m *snapshot.Manifest) { m.Files[0].Name = "z" }, `after "z"`},
		"a file twice":           {func(m *snapshot.Manifest) { m.Files[1].Name = m.Files[0].Name }, "each once"},
		"a name in both lists":   {func(m *snapshot.Manifest) { m.Files[0].Name = m.Pages[0].Name; m.Files = m.Files[:1] }, "among files"},
		"a negative file size":   {func(m *snapshot.Manifest) { m.Files[0].Bytes = -1 }, "bytes -1"},
		"files that overflow":    {func(m *snapshot.Manifest) { m.Files[0].Bytes, m.Files[1].Bytes = math.MaxInt64, math.MaxInt64 }, "bytes 92"},
		"half a page":            {func(m *snapshot.Manifest) { m.Pages[0].Bytes -= 7 }, "multiple"},
		"pages that leads out":   {func(m *snapshot.Manifest) { m.Pages[0].Name = "a/b" }, "a/b"},
		"an enormous image":      {func(m *snapshot.Manifest) { m.Pages[0].Bytes = 1 << 50 }, "bytes 11"},
		"too many files":         {func(m *snapshot.Manifest) { m.Files = slices.Repeat(m.Files, 3000) }, "at most 4096"},
		"a page less":            {func(m *snapshot.Manifest) { m.Pages[0].Bytes -= snapshot.PageSize }, "map"},
		"a page more":            {func(m *snapshot.Manifest) { m.Pages[0].Bytes += snapshot.PageSize }, "map"},
		"no map":                 {func(m *snapshot.Manifest) { m.Pages[0].Map = "" }, "map"},
		"a map that is no text":  {func(m *snapshot.Manifest) { m.Pages[0].Map = "?" }, "map"},
		"a map of noise":         {func(m *snapshot.Manifest) { m.Pages[0].Map = "bm9pc2U=" }, "map"},
		"a bomb as map":          {func(m *snapshot.Manifest) { m.Pages[0].Map = bomb(64 << 20) }, "more than"},
		"two bombs as maps":      {func(m *snapshot.Manifest) { m.Pages[0].Map, m.Pages[1].Map = bomb(5<<20), bomb(5<<20) }, "more than"},
		"a run of no page":       {func(m *snapshot.Manifest) { m.Pages[0].Map = varints(0, 0) }, "a run of 0"},
		"a run that is too long": {func(m *snapshot.Manifest) { m.Pages[0].Map = varints(0xff, 0xff, 3, 0) }, "a run of 65535"},
		"a run in no pack":       {func(m *snapshot.Manifest) { m.Pages[0].Map = varints(1, 9, 0) }, "pack 9"},
		"a run before the pack":  {func(m *snapshot.Manifest) { m.Pages[0].Map = varints(1, 1, 1) }, "from page -1"},
		"a run behind the pack":  {func(m *snapshot.Manifest) { m.Pages[0].Map = varints(0xc8, 1, 1, 0) }, "in no frame"},
		"a run far behind it":    {func(m *snapshot.Manifest) { m.Pages[0].Map = varints(1, 1, 0xfe, 0xff, 0xff, 0xff, 0xff, 1) }, "pages further"},
		"a map that ends early":  {func(m *snapshot.Manifest) { m.Pages[0].Map = varints(1, 1) }, "ends early"},
		"a map that goes on":     {func(m *snapshot.Manifest) { m.Pages[0].Map = varints(0xc8, 1, 0, 7) }, "follow"},
		"a number without end":   {func(m *snapshot.Manifest) { m.Pages[0].Map = varints(bytes.Repeat([]byte{0xff}, 20)...) }, "ends early"},
		"no packs":               {func(m *snapshot.Manifest) { m.Packs = nil }, "0 packs"},
		"too many packs":         {func(m *snapshot.Manifest) { m.Packs = slices.Repeat(m.Packs, 2000) }, "4000 packs"},
		"a pack twice":           {func(m *snapshot.Manifest) { m.Packs[1].ID = m.Packs[0].ID }, "each pack once"},
		"a pack that leads out":  {func(m *snapshot.Manifest) { m.Packs[1].ID = "../s1" }, "../s1"},
		"an empty pack":          {func(m *snapshot.Manifest) { m.Packs[0].Bytes = 0 }, "bytes 0"},
		"an enormous pack":       {func(m *snapshot.Manifest) { m.Packs[0].Bytes = math.MaxInt64 }, "bytes 92"},
		"a pack nobody needs":    {func(m *snapshot.Manifest) { m.Packs[1].Frames = nil }, "no frame"},
		"a key without a salt":   {func(m *snapshot.Manifest) { m.Packs[0].KeyID = "k" }, "salt"},
		"a salt without a key":   {func(m *snapshot.Manifest) { m.Packs[0].Salt = strings.Repeat("ab", 32) }, "salt"},
		"a strange key":          {func(m *snapshot.Manifest) { m.Packs[0].KeyID = "a b" }, "key_id"},
		"a negative frame":       {func(m *snapshot.Manifest) { m.Meta[0].N = -1 }, "frame -1"},
		"a frame twice":          {func(m *snapshot.Manifest) { m.Packs[0].Frames[0].N = m.Meta[0].N }, "ascending"},
		"a frame far away":       {func(m *snapshot.Manifest) { m.Packs[1].Frames[0].Offset = m.Packs[1].Bytes }, "offset"},
		"a frame before":         {func(m *snapshot.Manifest) { m.Packs[1].Frames[0].Offset = -1 }, "offset -1"},
		"frames on each other":   {func(m *snapshot.Manifest) { m.Packs[0].Frames[0].Offset = 1 }, "offset 1"},
		"an offset that wraps":   {func(m *snapshot.Manifest) { m.Packs[1].Frames[0].Offset = math.MaxInt64 }, "offset 92"},
		"a frame of nothing":     {func(m *snapshot.Manifest) { m.Packs[1].Frames[0].Bytes = 0 }, "bytes 0"},
		"a frame that is large":  {func(m *snapshot.Manifest) { m.Packs[1].Frames[0].Bytes = 1 << 30 }, "bytes 1073741824"},
		"contents that are":      {func(m *snapshot.Manifest) { m.Meta[0].Raw = 1 << 40 }, "raw 1099511627776"},
		"contents of nothing":    {func(m *snapshot.Manifest) { m.Meta[0].Raw = 0 }, "raw 0"},
		"other contents":         {func(m *snapshot.Manifest) { m.Meta[0].Raw++ }, "meta"},
		"metadata with pages":    {func(m *snapshot.Manifest) { m.Meta[0].Pages = 1 }, "frame 1"},
		"pages without any":      {func(m *snapshot.Manifest) { m.Packs[0].Frames[0].Pages = 0 }, "raw"},
		"negative pages":         {func(m *snapshot.Manifest) { m.Packs[0].Frames[0].Pages = -1 }, "-1 pages"},
		"pages that overflow":    {func(m *snapshot.Manifest) { m.Packs[0].Frames[0].First = math.MaxInt }, "pages from page 92"},
		"fewer pages":            {func(m *snapshot.Manifest) { m.Packs[1].Frames[0].Pages-- }, "raw"},
		"other pages":            {func(m *snapshot.Manifest) { m.Packs[1].Frames[0].First++ }, "first"},
		"a sum of another size":  {func(m *snapshot.Manifest) { m.Meta[0].SHA256 = "ab" }, "sha256 \"ab\""},
		"a sum in upper case":    {func(m *snapshot.Manifest) { m.Meta[0].SHA256 = strings.Repeat("AB", 32) }, "sha256"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := snapshot.DecodeManifest(raw, sum(raw)) // one that can be spoilt
			if err != nil {
				t.Fatal(err)
			}
			tc.spoil(&m)
			if _, _, err := m.Encode(); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want one that says %s", err, tc.says)
			}
		})
	}
}

func TestDecodingIsStrict(t *testing.T) {
	_, m := child(t)
	good, _ := encode(t, m)
	replace := func(old, with string) []byte { return bytes.Replace(good, []byte(old), []byte(with), 1) }
	for name, tc := range map[string]struct {
		raw  []byte
		want error
		says string
	}{
		"nothing":              {nil, snapshot.ErrCorrupt, "JSON"},
		"not JSON":             {[]byte("<html>"), snapshot.ErrCorrupt, "invalid character"},
		"half":                 {good[:len(good)/2], snapshot.ErrCorrupt, "JSON"},
		"something behind":     {append(bytes.Clone(good), "{}"...), snapshot.ErrCorrupt, "after"},
		"an unknown field":     {replace(`{"format"`, `{"more":1,"format"`), snapshot.ErrCorrupt, "more"},
		"another kind of file": {replace(snapshot.Format, "tar"), snapshot.ErrCorrupt, `"tar"`},
		"a newer version":      {replace("snapshot/2", "snapshot/3"), snapshot.ErrFormat, "newer"},
		"a newer one, changed": {[]byte(`{"format":"pronghorn-snapshot/4","packs":7}`), snapshot.ErrFormat, "upgrade"},
		"an older one":         {[]byte(`{"format":"pronghorn-snapshot/1","pack":{}}`), snapshot.ErrFormat, "older"},
		"no version":           {replace("snapshot/2", "snapshot/0"), snapshot.ErrCorrupt, "format"},
		"a wrong value":        {replace(`"pid":7`, `"pid":8`), snapshot.ErrCorrupt, "pid 8"},
		"a fraction as number": {replace(`"request_number":3`, `"request_number":3.5`), snapshot.ErrCorrupt, "3.5"},
		"very many frames":     {[]byte(`{"format":"pronghorn-snapshot/2","meta":[` + strings.Repeat("{},", 1<<20) + `{}]}`), snapshot.ErrCorrupt, "objects"},
		"too long":             {make([]byte, 5<<20), snapshot.ErrCorrupt, "longer"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := snapshot.DecodeManifest(tc.raw, sum(tc.raw))
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want %v that says %q", err, tc.want, tc.says)
			}
		})
	}
	for name, sha := range map[string]string{"another checksum": sum(nil), "no checksum": ""} {
		t.Run(name, func(t *testing.T) {
			if _, err := snapshot.DecodeManifest(good, sha); !errors.Is(err, snapshot.ErrCorrupt) {
				t.Errorf("error %v, want ErrCorrupt", err)
			}
		})
	}
}

func TestObjectsAreNamedBySnapshotAndPack(t *testing.T) {
	for want, got := range map[string]string{
		"fn/s1/manifest.json":   snapshot.ManifestKey("fn", "s1"),
		"fn/s2/manifest.json":   snapshot.ManifestObject("fn", "s2", ""),
		"fn/s1/manifest-3.json": snapshot.ManifestObject("fn", "s1", "manifest-3.json"),
		"fn/s1/image.pack":      snapshot.PackKey("fn", "s1"),
		"fn/s1/":                snapshot.Prefix("fn", "s1"),
		"fn/":                   snapshot.Prefix("fn", ""),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for name, want := range map[string]bool{
		"manifest.json": true, "manifest-1.json": true, "manifest-2147483647.json": true,
		"": false, "manifest-.json": false, "manifest-0.json": false, "manifest-01.json": false, "manifest--1.json": false,
		"manifest-+1.json": false, "manifest-2147483648.json": false, "manifest-1.jsonx": false, "../manifest.json": false, "image.pack": false,
	} {
		if got := snapshot.ValidManifestName(name); got != want {
			t.Errorf("ValidManifestName(%q) = %v", name, got)
		}
	}
}

func TestTheDocumentedExampleIsAManifest(t *testing.T) {
	doc, err := os.ReadFile("../docs/pool-format.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(doc), "```json\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/pool-format.md has no example")
	}
	if _, err := snapshot.DecodeManifest([]byte(example), sum([]byte(example))); err != nil {
		t.Error(err)
	}
}

// FuzzDecodeManifest: whatever is decoded is valid, can be written again and
// means the same then.
func FuzzDecodeManifest(f *testing.F) {
	_, m := child(f)
	good, _ := encode(f, m)
	f.Add(good)
	f.Add([]byte(`{"format":"pronghorn-snapshot/2"}`))
	f.Add([]byte(`{}`))
	f.Add([]byte(`[`))
	f.Add([]byte(fmt.Sprintf(`{"format":"pronghorn-snapshot/2","pages":[{"name":"pages-1.img","bytes":68719476736,"map":%q}]}`, varints(1, 0))))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := snapshot.DecodeManifest(raw, sum(raw))
		if err != nil {
			if !errors.Is(err, snapshot.ErrCorrupt) && !errors.Is(err, snapshot.ErrFormat) {
				t.Errorf("error %v is neither ErrCorrupt nor ErrFormat", err)
			}
			return
		}
		again, sha := encode(t, m)
		second, err := snapshot.DecodeManifest(again, sha)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, second); diff != "" {
			t.Errorf("(-first +second):\n%s", diff)
		}
	})
}
