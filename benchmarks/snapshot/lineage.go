package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/pronghorn-faas/pronghorn/agent"
	"github.com/pronghorn-faas/pronghorn/internal/minioserver"
	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// work is a request for which the function works.
const work = "/?mutability=1"

// generation is one snapshot of the lineage. Sizes are in bytes.
type generation struct {
	RequestNumber int `json:"request_number"`
	// Full is what the reference's dump of the same process writes. Pages are
	// those of ours, without the zeros that it leaves out.
	Full        int64 `json:"full_bytes"`
	Pages       int   `json:"pages"`
	PagesZero   int   `json:"pages_zero"`
	PagesShared int   `json:"pages_shared"`
	PagesNew    int   `json:"pages_new"`
	// Stored is what it added to the pool, Up what its upload sent, Down what
	// a start from it receives, with an empty cache, and with that of a node
	// which has seen the lineage.
	Stored   int64 `json:"stored_bytes"`
	Up       int64 `json:"up_bytes"`
	Down     int64 `json:"down_empty_bytes"`
	DownWarm int64 `json:"down_warm_bytes"`
	// Lifetime is the one in which it was taken.
	Lifetime agent.LifetimeRecord `json:"lifetime"`
}

// lineage takes the snapshots, each in a worker that was started from the last
// one, and looks at what they cost.
func (s *stage) lineage(ctx context.Context) error {
	for i := range s.o.generations {
		g, err := s.generation(ctx, (i+1)*s.o.spacing)
		if err != nil {
			return fmt.Errorf("generation %d: %w", i+1, err)
		}
		s.result.Lineage = append(s.result.Lineage, g)
		s.say("snapshot %d of %d: %d pages new, %d shared", i+1, s.o.generations, g.PagesNew, g.PagesShared)
	}
	s.deepest = s.o.generations * s.o.spacing
	objects, err := s.control.Pool.List(ctx, snapshot.Prefix(s.function.name, ""))
	if err != nil {
		return err
	}
	for _, o := range objects {
		s.result.PoolBytes += o.Bytes
	}
	s.result.PoolObjects = len(objects)
	return s.weigh(ctx)
}

// generation works until a snapshot is taken after request number.
func (s *stage) generation(ctx context.Context, number int) (generation, error) {
	s.control.expect(func() {})
	w, err := s.startOurs(ctx, plan{checkpointAt: number, cache: s.cache()})
	if err != nil {
		return generation{}, err
	}
	var full int64
	if err := s.drive(ctx, w); err == nil {
		full, err = s.dumpFull(ctx, w, number)
	}
	if err != nil {
		return generation{}, errors.Join(w.explain(err), w.Close())
	}
	if err := w.stop(); err != nil {
		return generation{}, err
	}
	rec, err := s.onlyRecord(w)
	if err != nil {
		return generation{}, err
	}
	c := rec.Checkpoint
	return generation{
		RequestNumber: number, Full: full, Pages: c.Pages, PagesZero: c.PagesZero, PagesShared: c.PagesShared, PagesNew: c.PagesNew,
		Stored: c.StoredBytes, Up: rec.BytesUploaded, DownWarm: -1, Lifetime: rec,
	}, nil
}

// drive lets the function work up to the checkpoint.
func (s *stage) drive(ctx context.Context, w *worker) error {
	c, err := connect(ctx, w.Sandbox, watchdogAddr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.askTimes(s.o.spacing, work); err != nil {
		return err
	}
	_, err = s.control.awaitRegistered(ctx, w.Done())
	return err
}

// onlyRecord is that of the one lifetime that a worker had.
func (s *stage) onlyRecord(w *worker) (agent.LifetimeRecord, error) {
	records := s.control.recorded()
	if len(records) != 1 || records[0].Checkpoint == nil || records[0].Checkpoint.Outcome != agent.CheckpointDone {
		return agent.LifetimeRecord{}, w.explain(fmt.Errorf("want one lifetime with a checkpoint, got %+v", records))
	}
	return records[0], nil
}

// dumpFull has the reference's CRIU dump the process that ours has just dumped,
// and that has served nobody since. The last image is what the reference starts
// from.
func (s *stage) dumpFull(ctx context.Context, w *worker, number int) (bytes int64, err error) {
	p, err := s.processOf(ctx, number)
	if err != nil {
		return 0, err
	}
	r := s.reference
	r.PID, r.DumpDir = p.PID, filepath.Join(s.dir, "full")
	defer os.RemoveAll(r.DumpDir)
	r.CRIU = fmt.Sprintf("nsenter --target %d --mount --pid --net -- %s", w.PID(), r.CRIU)
	if err := r.dumpOnce(ctx, order{}); err != nil {
		return 0, err
	}
	files, err := sizes(r.DumpDir)
	if err != nil {
		return 0, err
	}
	for _, size := range files {
		bytes += size
	}
	if number < s.o.generations*s.o.spacing {
		return bytes, nil
	}
	s.reference.PID, s.reference.Stdout, s.reference.Stderr = p.PID, p.Stdout, p.Stderr
	s.result.ImageBytes, s.result.Pages = bytes, int(bytes/snapshot.PageSize)
	return bytes, s.giveReference(ctx, r.DumpDir, slices.Collect(maps.Keys(files)))
}

// processOf is what is known of the process of a snapshot.
func (s *stage) processOf(ctx context.Context, number int) (snapshot.Process, error) {
	live, err := s.control.live(ctx, s.function.name)
	if err != nil {
		return snapshot.Process{}, err
	}
	for _, l := range live {
		if l.RequestNumber != number {
			continue
		}
		m, err := snapshot.Verify(ctx, s.control.Pool, s.function.name, l.ID, l.Manifest, l.ManifestSHA256)
		return m.Process, err
	}
	return snapshot.Process{}, fmt.Errorf("there is no snapshot of request %d", number)
}

// sizes are those of the files of an image directory that a restore reads, by
// their names.
func sizes(dir string) (map[string]int64, error) {
	image, err := snapshot.OpenImage(dir)
	if err != nil {
		return nil, err
	}
	files := map[string]int64{}
	for _, f := range image.Files {
		files[f.Name] = int64(len(f.Data))
	}
	for _, p := range image.Pages {
		files[p.Name] = p.Bytes
	}
	return files, image.Close()
}

// weigh notes what starts receive.
func (s *stage) weigh(ctx context.Context) error {
	live, err := s.control.live(ctx, s.function.name)
	if err != nil {
		return err
	}
	if len(live) != s.o.generations {
		return fmt.Errorf("the pool has %d snapshots, want %d", len(live), s.o.generations)
	}
	for i := range s.result.Lineage {
		g := &s.result.Lineage[i]
		if i > 0 { // it was started from the one before
			s.result.Lineage[i-1].DownWarm = g.Lifetime.BytesDownloaded
		}
		if err := s.weighOne(ctx, g, live[0].Platform); err != nil {
			return err
		}
		s.result.FullBytes += g.Full
	}
	return nil
}

func (s *stage) weighOne(ctx context.Context, g *generation, platform string) error {
	dir := filepath.Join(s.dir, "image")
	defer os.RemoveAll(dir)
	fetched, err := s.fetch(ctx, g.RequestNumber, platform, dir)
	g.Down = fetched.Moved
	return err
}

// fetch fetches a snapshot as a node with an empty cache does.
func (s *stage) fetch(ctx context.Context, number int, platform, dir string) (snapshot.Fetched, error) {
	client, err := agent.NewClient(s.control.AgentURL, "", s.function.name)
	if err != nil {
		return snapshot.Fetched{}, err
	}
	plan, err := client.Start(ctx, agent.StartRequest{
		Lifetime: fmt.Sprintf("weigh-%d", number), Platform: platform, Runtime: "other",
		Strategy: fmt.Sprintf("fixed&request_to_checkpoint=%d&max_capacity=1000", number),
	})
	if err != nil {
		return snapshot.Fetched{}, err
	}
	if plan.Restore == nil || plan.Restore.RequestNumber != number {
		return snapshot.Fetched{}, fmt.Errorf("there is no snapshot of request %d: %s", number, plan.Reason)
	}
	return snapshot.NewTransfer(nil).Fetch(ctx, snapshot.FetchRequest{
		ManifestURL: plan.Restore.ManifestURL, ManifestSHA256: plan.Restore.ManifestSHA256, PackURLs: plan.Restore.PackURLs(), Dir: dir,
	})
}

// giveReference puts the files of an image into the reference's bucket.
func (s *stage) giveReference(ctx context.Context, dir string, names []string) error {
	c, err := minio.New(s.minio.Address, &minio.Options{Creds: credentials.NewStaticV4(minioserver.User, minioserver.Password, "")})
	if err != nil {
		return err
	}
	if err := c.MakeBucket(ctx, bucket, minio.MakeBucketOptions{}); err != nil {
		return fmt.Errorf("make the reference's bucket: %w", err)
	}
	for _, name := range names {
		if _, err := c.FPutObject(ctx, bucket, s.reference.Prefix+name, filepath.Join(dir, name), minio.PutObjectOptions{DisableMultipart: true}); err != nil {
			return fmt.Errorf("put %s into the reference's bucket: %w", name, err)
		}
	}
	return nil
}
