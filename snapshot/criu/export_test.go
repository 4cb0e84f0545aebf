package criu

// CRIU is the process id of the CRIU that waits.
func (d *Dump) CRIU() int { return d.worker.cmd.Process.Pid }

// CRIU is the process id of the CRIU that waits.
func (r *Restore) CRIU() int { return r.worker.cmd.Process.Pid }
