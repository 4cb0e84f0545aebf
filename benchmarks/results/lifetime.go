package results

import (
	"time"

	"github.com/pronghorn-faas/pronghorn/agent"
)

// LifetimeRow is a lifetime of a worker in a run: the configuration that it
// belongs to and the record that the watchdog reported.
type LifetimeRow struct {
	// Run is as in Row.
	Run       string
	Benchmark string
	Strategy  string
	Rate      int
	agent.LifetimeRecord
}

func (LifetimeRow) layout() layout[LifetimeRow] {
	columns := []column[LifetimeRow]{
		name("benchmark", func(r *LifetimeRow) *string { return &r.Benchmark }),
		name("strategy", func(r *LifetimeRow) *string { return &r.Strategy }),
		count("rate", func(r *LifetimeRow) *int { return &r.Rate }),
		name("lifetime", func(r *LifetimeRow) *string { return &r.Lifetime }),
		choice("start", func(r *LifetimeRow) *string { return &r.Start }, agent.Cold, agent.Restored),
		text("start_reason", func(r *LifetimeRow) *string { return &r.StartReason }),
		text("failed_snapshot", func(r *LifetimeRow) *string { return &r.FailedSnapshot }),
		text("snapshot", func(r *LifetimeRow) *string { return &r.Snapshot }),
		count("request_number", func(r *LifetimeRow) *int { return &r.RequestNumber }),
		count("requests", func(r *LifetimeRow) *int { return &r.Requests }),
		timestamp("started", func(r *LifetimeRow) *time.Time { return &r.Started }),
		decimal("plan_ms", func(r *LifetimeRow) *float64 { return &r.PlanMS }),
		decimal("fetch_ms", func(r *LifetimeRow) *float64 { return &r.FetchMS }),
		decimal("start_ms", func(r *LifetimeRow) *float64 { return &r.StartMS }),
		decimal("download_ms", func(r *LifetimeRow) *float64 { return &r.DownloadMS }),
		decimal("assemble_ms", func(r *LifetimeRow) *float64 { return &r.AssembleMS }),
		decimal("restore_ms", func(r *LifetimeRow) *float64 { return &r.RestoreMS }),
		decimal("start_up_ms", func(r *LifetimeRow) *float64 { return &r.StartUpMS }),
		decimal("first_response_ms", func(r *LifetimeRow) *float64 { return &r.FirstResponseMS }),
		count("bytes_downloaded", func(r *LifetimeRow) *int64 { return &r.BytesDownloaded }),
		count("bytes_uploaded", func(r *LifetimeRow) *int64 { return &r.BytesUploaded }),
		count("bytes_cached", func(r *LifetimeRow) *int64 { return &r.BytesCached }),
		text("mode", func(r *LifetimeRow) *string { return &r.Mode }),
	}
	columns = append(columns, checkpointColumns()...)
	return layout[LifetimeRow]{header: true, columns: append(columns,
		text("end_reason", func(r *LifetimeRow) *string { return &r.EndReason }))}
}

// checkpointColumns are empty for a lifetime without a checkpoint. The outcome
// comes first, because it tells a reader whether there was one.
func checkpointColumns() []column[LifetimeRow] {
	type cp = agent.Checkpoint
	columns := []column[cp]{
		choice("checkpoint_outcome", func(c *cp) *string { return &c.Outcome },
			agent.CheckpointDone, agent.CheckpointFailed),
		text("checkpoint_reason", func(c *cp) *string { return &c.Reason }),
		text("checkpoint_snapshot", func(c *cp) *string { return &c.Snapshot }),
		count("checkpoint_request_number", func(c *cp) *int { return &c.RequestNumber }),
		decimal("checkpoint_pause_ms", func(c *cp) *float64 { return &c.PauseMS }),
		decimal("checkpoint_dump_ms", func(c *cp) *float64 { return &c.DumpMS }),
		decimal("checkpoint_upload_ms", func(c *cp) *float64 { return &c.UploadMS }),
		decimal("checkpoint_hash_ms", func(c *cp) *float64 { return &c.HashMS }),
		decimal("checkpoint_pack_ms", func(c *cp) *float64 { return &c.PackMS }),
		decimal("checkpoint_send_ms", func(c *cp) *float64 { return &c.SendMS }),
		count("checkpoint_pages", func(c *cp) *int { return &c.Pages }),
		count("checkpoint_pages_zero", func(c *cp) *int { return &c.PagesZero }),
		count("checkpoint_pages_shared", func(c *cp) *int { return &c.PagesShared }),
		count("checkpoint_pages_new", func(c *cp) *int { return &c.PagesNew }),
		count("checkpoint_stored_bytes", func(c *cp) *int64 { return &c.StoredBytes }),
		text("checkpoint_mode", func(c *cp) *string { return &c.Mode }),
		count("checkpoint_bytes", func(c *cp) *int64 { return &c.Bytes }),
	}
	optional := []column[LifetimeRow]{opensCheckpoint(columns[0])}
	for _, c := range columns[1:] {
		optional = append(optional, inCheckpoint(c))
	}
	return optional
}

// opensCheckpoint is the first column of a checkpoint: a cell that is not
// empty makes one.
func opensCheckpoint(c column[agent.Checkpoint]) column[LifetimeRow] {
	rest := inCheckpoint(c)
	rest.want = c.want + ", or nothing"
	rest.parse = func(row *LifetimeRow, cell string) bool {
		if cell == "" {
			return true
		}
		row.Checkpoint = &agent.Checkpoint{}
		return c.parse(row.Checkpoint, cell)
	}
	return rest
}

// inCheckpoint makes a column of a checkpoint one of its lifetime.
func inCheckpoint(c column[agent.Checkpoint]) column[LifetimeRow] {
	return column[LifetimeRow]{
		name: c.name,
		want: c.want + " if there was a checkpoint, nothing if not",
		format: func(row *LifetimeRow) string {
			if row.Checkpoint == nil {
				return ""
			}
			return c.format(row.Checkpoint)
		},
		parse: func(row *LifetimeRow, cell string) bool {
			if row.Checkpoint == nil {
				return cell == ""
			}
			return c.parse(row.Checkpoint, cell)
		},
	}
}
