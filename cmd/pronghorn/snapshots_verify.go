package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/pronghorn-faas/pronghorn/internal/bytesize"
	"github.com/pronghorn-faas/pronghorn/kvstore"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// verifyOptions are the flags of "pronghorn snapshots verify".
type verifyOptions struct {
	snapshotOptions
	keyFile string
	quick   bool
}

func newSnapshotsVerifyCommand() *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify [FUNCTION [ID]]",
		Short: "Read all data of snapshots and compare the checksums",
		Long: `Read all data of all live snapshots, of those of a function, or of one, and
compare every checksum; exits with 1 if anything is missing or damaged. What is
encrypted is also decrypted where --key-file has the key. With --quick only the
manifests are read, and the sizes of the packs compared.`,
		Args: functionAndIDs(0, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			args = append(args, "", "")
			return runVerify(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), args[0], args[1], o)
		},
	}
	o.addFlags(cmd, true)
	envFlag(cmd.Flags(), &o.keyFile, "key-file", "PRONGHORN_KEY_FILE", "", "file with encryption keys")
	cmd.Flags().BoolVar(&o.quick, "quick", false, "read no data but the manifests")
	return cmd
}

// verified is the result for one snapshot.
type verified struct {
	Function string `json:"function"`
	Snapshot string `json:"snapshot"`
	OK       bool   `json:"ok"`
	// Bytes is the size of the image.
	Bytes int64  `json:"bytes"`
	Error string `json:"error,omitempty"`
}

// target is a snapshot that is to be verified.
type target struct {
	function string
	entry    kvstore.Entry
}

func runVerify(ctx context.Context, w, stderr io.Writer, fn, id string, o verifyOptions) error {
	s, err := o.openSource(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	keys, err := readKeys(o.keyFile)
	if err != nil {
		return err
	}
	p, err := o.openPool(ctx)
	if err != nil {
		return err
	}
	targets, err := targetsOf(ctx, s, fn, id)
	if err != nil {
		return err
	}
	v := verifier{source: s, pool: p, keys: keys, quick: o.quick}
	results, err := v.all(ctx, targets, newVerifyBar(stderr, len(targets)))
	if err != nil {
		return err
	}
	if err := write(w, o.output, results, func(w io.Writer) error { return printVerified(w, results) }); err != nil {
		return err
	}
	return damageOf(results)
}

func readKeys(path string) (*snapshot.Keyring, error) {
	if path == "" {
		return nil, nil
	}
	keys, err := snapshot.ReadKeyring(path)
	if err != nil {
		return nil, usagef("--key-file: %w", err)
	}
	return keys, nil
}

// targetsOf returns the live snapshots that the arguments name.
func targetsOf(ctx context.Context, s source, fn, id string) ([]target, error) {
	functions, err := functionsOf(ctx, s, fn)
	if err != nil {
		return nil, err
	}
	var targets []target
	for _, f := range functions {
		for _, e := range f.Pool {
			if e.Live() && (id == "" || e.ID == id) {
				targets = append(targets, target{f.State.Function, e})
			}
		}
	}
	if id != "" && len(targets) == 0 {
		return nil, noSnapshot(fn, id)
	}
	return targets, nil
}

type verifier struct {
	source source
	pool   snapshot.Pool
	keys   *snapshot.Keyring
	quick  bool
}

func (v verifier) all(ctx context.Context, targets []target, bar *progressbar.ProgressBar) ([]verified, error) {
	results := []verified{}
	for _, t := range targets {
		bar.Describe(t.function + "/" + t.entry.ID)
		result, still := v.one(ctx, t)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if still {
			results = append(results, result)
		}
		_ = bar.Add(1) // a bar that cannot be drawn is no reason to stop
	}
	return results, nil
}

// one verifies a snapshot. What has left the pool, or got another manifest,
// while it was read is no damage.
func (v verifier) one(ctx context.Context, t target) (result verified, still bool) {
	for range 3 {
		err := v.read(ctx, t)
		if err == nil {
			return verified{Function: t.function, Snapshot: t.entry.ID, OK: true, Bytes: t.entry.Bytes}, true
		}
		now, errState := v.source.Function(ctx, t.function)
		e, known := entryOf(now.Pool, t.entry.ID)
		if errState != nil || known && e.Live() && e.ManifestSHA256 == t.entry.ManifestSHA256 {
			return verified{Function: t.function, Snapshot: t.entry.ID, Bytes: t.entry.Bytes, Error: err.Error()}, true
		}
		if !known || !e.Live() {
			return verified{}, false
		}
		t.entry = e
	}
	return verified{Function: t.function, Snapshot: t.entry.ID, Error: "its manifest keeps being replaced"}, true
}

func (v verifier) read(ctx context.Context, t target) (err error) {
	e := t.entry
	if v.quick {
		_, err = snapshot.Verify(ctx, v.pool, t.function, e.ID, e.Manifest, e.ManifestSHA256)
	} else {
		_, err = snapshot.VerifyData(ctx, v.pool, t.function, e.ID, e.Manifest, e.ManifestSHA256, v.keys)
	}
	return err
}

// newVerifyBar draws on terminals only.
func newVerifyBar(w io.Writer, n int) *progressbar.ProgressBar {
	if f, ok := w.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return progressbar.DefaultSilent(int64(n))
	}
	return progressbar.NewOptions(n, progressbar.OptionSetWriter(w), progressbar.OptionShowCount(), progressbar.OptionSetWidth(20),
		progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
}

func printVerified(w io.Writer, results []verified) error {
	var size int64
	for _, r := range results {
		size += r.Bytes
		if !r.OK {
			fmt.Fprintf(w, "DAMAGED %s/%s: %s\n", r.Function, r.Snapshot, r.Error)
		}
	}
	_, err := fmt.Fprintf(w, "%d snapshots, images of %s, %d damaged\n", len(results), bytesize.Format(size), damaged(results))
	return err
}

func damaged(results []verified) (n int) {
	for _, r := range results {
		if !r.OK {
			n++
		}
	}
	return n
}

func damageOf(results []verified) error {
	if n := damaged(results); n > 0 {
		return fmt.Errorf("%d of %d snapshots are damaged: remove them with: pronghorn snapshots rm FUNCTION ID", n, len(results))
	}
	return nil
}
