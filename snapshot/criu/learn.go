package criu

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/checkpoint-restore/go-criu/v7/rpc"
	"google.golang.org/protobuf/proto"
)

// learnTime bounds what CRIU takes to find out about the kernel.
const learnTime = 5 * time.Second

// Learn has the CRIU that waits know the kernel, for this restore and all calls
// to come, and leaves it in seedDir for other containers (see Engine.Seed). It
// takes it from the image in dir, if that was taken on this boot by the same
// CRIU with the same rights ("" = there is none; its pages need not be there), or
// has CRIU find it out. That is half of what `criu check` takes, and does not say
// whether CRIU works: that is left to Seed. Whether there is a cache already is
// for SeedFrom to find out, before the restore is prepared: this replaces it.
//
// After an error the restore is as quick as without, by a CRIU that has been
// replaced if it failed.
func (r *Restore) Learn(ctx context.Context, dir, seedDir string) error {
	if dir != "" && r.engine.seedFromImage(dir, seedDir) {
		return nil
	}
	if err := r.learn(ctx, seedDir); err != nil {
		return fmt.Errorf("have CRIU find out about the kernel: %w", err)
	}
	return nil
}

func (r *Restore) learn(ctx context.Context, seedDir string) error {
	ctx, cancel := context.WithTimeout(ctx, learnTime)
	defer cancel()
	path := r.engine.kdatPath()
	if !onTmpfs(path) {
		return errNoKdat
	}
	key, err := r.engine.key()
	if err != nil {
		return err
	}
	if err := clean(path); err != nil {
		return err
	}
	if err := askFeatures(ctx, r.worker); err != nil {
		return errors.Join(err, r.renew())
	}
	raw, ok := readOwn(path)
	if !ok {
		return errNoKdat
	}
	keepSeed(seedDir, unchecked+key, raw)
	return replace(path+kdatStamp, []byte(stamp(unchecked+key, raw)))
}

// askFeatures asks for features, none in particular: before CRIU answers it
// finds out about all. It then waits for another request.
func askFeatures(ctx context.Context, w *worker) error {
	resp, err := w.call(ctx, &rpc.CriuReq{
		Type: rpc.CriuReqType_FEATURE_CHECK.Enum(), KeepOpen: proto.Bool(true), Features: &rpc.CriuFeatures{},
	})
	if err == nil && !resp.GetSuccess() {
		err = errors.New("CRIU says no more than that it failed")
	}
	return err
}

// renew replaces the CRIU that waits.
func (r *Restore) renew() error {
	r.worker.kill()
	r.worker.close()
	w, err := r.engine.start(r.output...)
	if err != nil {
		return err
	}
	r.worker = w
	return nil
}
