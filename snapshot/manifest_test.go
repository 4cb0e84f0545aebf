package snapshot_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// smallPack describes a pack of the files "a" and "b".
func smallPack() snapshot.Pack {
	sha := strings.Repeat("5e", 32)
	return snapshot.Pack{Bytes: 3, SHA256: sha, Files: []snapshot.File{{Name: "a", Bytes: 1, SHA256: sha}, {Name: "b", Bytes: 2, SHA256: sha}}}
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
	want := manifest(smallPack())
	raw, sha := encode(t, want)
	got, err := snapshot.DecodeManifest(raw, sha)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAManifestThatContradictsItselfIsNotWritten(t *testing.T) {
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
		"no files":               {func(m *snapshot.Manifest) { m.Pack.Files = nil }, "no files"},
		"a sum of another size":  {func(m *snapshot.Manifest) { m.Pack.SHA256 = "ab" }, "sha256 \"ab\""},
		"a sum in upper case":    {func(m *snapshot.Manifest) { m.Pack.SHA256 = strings.Repeat("AB", 32) }, "sha256"},
		"sizes that do not add":  {func(m *snapshot.Manifest) { m.Pack.Bytes = 4 }, "bytes 4"},
		"sizes that add to more": {func(m *snapshot.Manifest) { m.Pack.Bytes = 2 }, "bytes 2"},
		"sizes that overflow": {func(m *snapshot.Manifest) {
			m.Pack.Files[0].Bytes, m.Pack.Files[1].Bytes, m.Pack.Bytes = math.MaxInt64, math.MaxInt64, -2
		}, "bytes -2"},
		"a negative file size":  {func(m *snapshot.Manifest) { m.Pack.Files[0].Bytes = -1 }, "bytes -1"},
		"a file that leads out": {func(m *snapshot.Manifest) { m.Pack.Files[0].Name = "../a" }, "../a"},
		"files not sorted":      {func(m *snapshot.Manifest) { m.Pack.Files[0].Name = "c" }, `"b" after "c"`},
		"a file twice":          {func(m *snapshot.Manifest) { m.Pack.Files[1].Name = "a" }, `"a" after "a"`},
		"a file's sum missing":  {func(m *snapshot.Manifest) { m.Pack.Files[1].SHA256 = "" }, "file b"},
	} {
		t.Run(name, func(t *testing.T) {
			m := manifest(smallPack())
			tc.spoil(&m)
			if _, _, err := m.Encode(); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want one that says %s", err, tc.says)
			}
		})
	}
}

func TestDecodingIsStrict(t *testing.T) {
	good, _ := encode(t, manifest(smallPack()))
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
		"a newer version":      {replace("snapshot/1", "snapshot/2"), snapshot.ErrFormat, "newer"},
		"a newer one, changed": {[]byte(`{"format":"pronghorn-snapshot/3","packs":[]}`), snapshot.ErrFormat, "upgrade"},
		"a wrong value":        {replace(`"pid":7`, `"pid":8`), snapshot.ErrCorrupt, "pid 8"},
		"a fraction as number": {replace(`"request_number":3`, `"request_number":3.5`), snapshot.ErrCorrupt, "3.5"},
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
	good, _ := encode(f, manifest(smallPack()))
	f.Add(good)
	f.Add([]byte(`{"format":"pronghorn-snapshot/2"}`))
	f.Add([]byte(`{}`))
	f.Add([]byte(`[`))
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
