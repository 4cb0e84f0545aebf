package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/pronghorn-faas/pronghorn/internal/bytesize"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

func newSnapshotsShowCommand() *cobra.Command {
	var o snapshotOptions
	cmd := &cobra.Command{
		Use:   "show FUNCTION ID",
		Short: "Show one snapshot",
		Long: `Show one snapshot: the snapshots that it descends from, as far as they are
known, what is in its manifest, and how much it uses of each pack. The latter
two are read from the pool; with --agent they need --pool too.`,
		Args: functionAndIDs(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runShow(cmd.Context(), cmd.OutOrStdout(), args[0], args[1], o)
		},
	}
	o.addFlags(cmd, true)
	return cmd
}

// snapshotView is what is shown of a snapshot.
type snapshotView struct {
	Function string        `json:"function"`
	State    string        `json:"state"`
	Entry    kvstore.Entry `json:"entry"`
	// Lineage are its ancestors, the nearest first; the last one is "cold", or
	// one of which nothing is known any more.
	Lineage []ancestor `json:"lineage"`
	// Packs and Manifest are not there without a pool, or without a manifest.
	Packs    []packUse       `json:"packs,omitempty"`
	Manifest *manifestDigest `json:"manifest,omitempty"`
}

type ancestor struct {
	ID            string `json:"id"`
	RequestNumber int    `json:"request_number"`
	// State is as in ls, or "cold" or "gone".
	State string `json:"state"`
}

// packUse is how much a snapshot uses of a pack.
type packUse struct {
	ID    string `json:"id"`
	State string `json:"state"`
	// Bytes is the size of the pack, NeededBytes that of the Frames that are
	// needed, which hold Pages.
	Bytes       int64  `json:"bytes"`
	NeededBytes int64  `json:"needed_bytes"`
	Frames      int    `json:"frames"`
	Pages       int    `json:"pages"`
	KeyID       string `json:"key_id,omitempty"`
}

type manifestDigest struct {
	Object  string           `json:"object"`
	Format  string           `json:"format"`
	Created string           `json:"created"`
	Runtime string           `json:"runtime"`
	Process snapshot.Process `json:"process"`
	Files   int              `json:"files"`
	// FileBytes and PageBytes are the sizes of the images without and with pages.
	FileBytes int64 `json:"file_bytes"`
	PageBytes int64 `json:"page_bytes"`
}

func runShow(ctx context.Context, w io.Writer, fn, id string, o snapshotOptions) error {
	s, err := o.openSource(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	f, err := s.Function(ctx, fn)
	if err != nil {
		return err
	}
	e, known := entryOf(f.Pool, id)
	if !known {
		return noSnapshot(fn, id)
	}
	view := snapshotView{Function: fn, State: stateOf(e), Entry: e, Lineage: lineageOf(f.Pool, e)}
	p, err := o.openPoolIfAny(ctx)
	if err != nil {
		return err
	}
	if p != nil && !e.PackOnly() {
		if err := view.readManifest(ctx, p, f.Pool); err != nil {
			return err
		}
	}
	return write(w, o.output, view, view.print)
}

func entryOf(pool []kvstore.Entry, id string) (kvstore.Entry, bool) {
	i := slices.IndexFunc(pool, func(e kvstore.Entry) bool { return e.ID == id })
	if i < 0 {
		return kvstore.Entry{}, false
	}
	return pool[i], true
}

// lineageOf follows the parents, each once: what is stored may be wrong.
func lineageOf(pool []kvstore.Entry, e kvstore.Entry) []ancestor {
	var line []ancestor
	for range len(pool) {
		if e.Parent == "" {
			return append(line, ancestor{State: "cold"})
		}
		parent, known := entryOf(pool, e.Parent)
		if !known {
			return append(line, ancestor{ID: e.Parent, State: "gone"})
		}
		line = append(line, ancestor{parent.ID, parent.RequestNumber, stateOf(parent)})
		e = parent
	}
	return line
}

func (v *snapshotView) readManifest(ctx context.Context, p snapshot.Pool, pool []kvstore.Entry) error {
	m, err := snapshot.Verify(ctx, p, v.Function, v.Entry.ID, v.Entry.Manifest, v.Entry.ManifestSHA256)
	if err != nil {
		return err
	}
	v.Manifest = &manifestDigest{
		Object: snapshot.ManifestObject(v.Function, m.ID, v.Entry.Manifest), Format: m.Format,
		Created: m.Created.Format("2006-01-02T15:04:05Z07:00"), Runtime: m.Runtime, Process: m.Process, Files: len(m.Files) + len(m.Pages),
	}
	for _, f := range m.Files {
		v.Manifest.FileBytes += f.Bytes
	}
	v.Manifest.PageBytes = m.ImageBytes() - v.Manifest.FileBytes
	for i, ref := range m.Packs {
		var meta []snapshot.Frame
		if i == 0 {
			meta = m.Meta
		}
		v.Packs = append(v.Packs, usePack(ref, meta, pool))
	}
	return nil
}

func usePack(ref snapshot.PackRef, meta []snapshot.Frame, pool []kvstore.Entry) packUse {
	use := packUse{ID: ref.ID, State: "gone", Bytes: ref.Bytes, KeyID: ref.KeyID}
	if keeper, known := entryOf(pool, ref.ID); known {
		use.State = stateOf(keeper)
	}
	for _, f := range slices.Concat(meta, ref.Frames) {
		use.Frames++
		use.NeededBytes += f.Bytes
		use.Pages += f.Pages
	}
	return use
}

func (v *snapshotView) print(w io.Writer) error {
	e := v.Entry
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	line("snapshot", "%s of %s, %s", e.ID, v.Function, v.State)
	line("taken", "after request %d of lifetime %s, registered %s", e.RequestNumber, orDefault(e.Lifetime, "?"), e.Created.Format("2006-01-02 15:04:05 MST"))
	line("platform", "%s", e.Platform)
	line("lineage", "%s", lineageText(v.Lineage))
	line("size", "image %s, own objects %s, %s in the packs of others", bytesize.Format(e.Bytes), bytesize.Format(e.StoredBytes), bytesize.Format(e.SharedBytes))
	line("keys", "%s", orDefault(strings.Join(e.KeyIDs, ", "), "not encrypted"))
	line("failures", "%s", orDefault(strings.Join(e.Failures, ", "), "none"))
	if m := v.Manifest; m != nil {
		line("manifest", "%s, %s, sha256 %s", m.Object, m.Format, e.ManifestSHA256)
		line("process", "%s, pid %d, %d threads", m.Runtime, m.Process.PID, len(m.Process.TIDs))
		line("images", "%d files: %s of pages, %s of other things", m.Files, bytesize.Format(m.PageBytes), bytesize.Format(m.FileBytes))
	}
	if err := t.Flush(); err != nil || len(v.Packs) == 0 {
		return err
	}
	return printPacks(w, v.Packs)
}

func lineageText(line []ancestor) string {
	var parts []string
	for _, a := range line {
		switch a.State {
		case "cold":
			parts = append(parts, "a cold start")
		case "gone":
			parts = append(parts, a.ID+" (gone)")
		default:
			parts = append(parts, fmt.Sprintf("%s (request %d, %s)", a.ID, a.RequestNumber, a.State))
		}
	}
	return "from " + strings.Join(parts, ", from ")
}

func printPacks(w io.Writer, packs []packUse) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nPACK\tSIZE\tNEEDED\tPART\tFRAMES\tPAGES\tSTATE")
	for _, p := range packs {
		fmt.Fprintf(t, "%s\t%s\t%s\t%.1f %%\t%d\t%d\t%s\n", p.ID, bytesize.Format(p.Bytes), bytesize.Format(p.NeededBytes),
			100*float64(p.NeededBytes)/float64(p.Bytes), p.Frames, p.Pages, p.State)
	}
	return t.Flush()
}
