package doctor

import (
	"context"
	"strings"
	"time"

	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
	"github.com/pronghorn-faas/pronghorn/snapshot/userfault"
)

// askTime bounds one call of CRIU.
const askTime = 10 * time.Second

func (d *doctor) program(context.Context) Check {
	const name = "criu"
	bin, err := criu.Find(d.CRIU)
	if err != nil {
		return failed(name, err, "install CRIU 4.2 or later in the image, or COPY the directory /opt/pronghorn of Pronghorn's image into it")
	}
	d.engine = criu.NewEngine(bin)
	return ok(name, bin.String())
}

// rights asks whether this process may use CRIU, by its capabilities and by
// what the container forbids.
func (d *doctor) rights(ctx context.Context) Check {
	const name = "rights"
	if d.engine == nil {
		return skipped(name, "there is no CRIU")
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	mode, err := d.engine.Probe(ctx)
	if err != nil {
		return failed(name, err, "see docs/privileges.md for the smallest set of rights")
	}
	d.engine = d.engine.In(mode)
	d.works = true
	if mode == criu.Unprivileged {
		return warning(name, "mode unprivileged: a restored process sees the monotonic clock of its new machine",
			"for JVM functions that are restored on other machines, or after a reboot: add SYS_ADMIN, SYS_TIME, NET_ADMIN and SYS_CHROOT, outside user namespaces")
	}
	return ok(name, "mode "+mode.String())
}

// ids asks how process ids can be chosen.
func (d *doctor) ids(context.Context) Check {
	const name = "process ids"
	if !d.works {
		return skipped(name, "CRIU may not be used here")
	}
	switch way, err := d.pids.Choose(); {
	case err != nil:
		d.works = false
		return failed(name, err, "run it in a PID namespace of its own (hostPID: false), or with a writable /proc/sys")
	case way == criu.UsedUp:
		return warning(name, string(way)+": /proc/sys is read-only, so ids are used up, 500 at each start, which takes some 15 ms or more",
			"nothing has to be done; to spare it, add SYS_ADMIN (in Kubernetes without user namespaces), or make /proc/sys writable (Docker: --security-opt=systempaths=unconfined; Kubernetes: procMount: Unmasked with hostUsers: false)")
	case way == criu.PrivateProc:
		return ok(name, string(way)+": /proc/sys is read-only here, so they are chosen in a procfs that only the watchdog has")
	default:
		return ok(name, string(way)+": in /proc/sys, which is writable")
	}
}

// features asks CRIU itself about the kernel.
func (d *doctor) features(ctx context.Context) Check {
	const name = "kernel features"
	if !d.works {
		return skipped(name, "CRIU may not be used here")
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if err := d.engine.Seed(ctx, d.CacheDir); err != nil {
		if isUnavailable(err) {
			d.works = false
			return failed(name, err, "use a newer CRIU or another kernel")
		}
		return warning(name, "CRIU's cache of them cannot be kept: "+err.Error(), "every dump and restore takes some 30 ms longer; mount a tmpfs at /run, or set snapshot_cache_dir")
	}
	return ok(name, "criu check: looks good")
}

// memory finds out whether processes may get theirs from the watchdog.
func (d *doctor) memory(context.Context) Check {
	const name = "lazy restore"
	if !d.works {
		return skipped(name, "CRIU may not be used here")
	}
	if err := userfault.Available(); err != nil {
		return warning(name, err.Error(), "nothing has to be done: CRIU reads the memory of restored processes page by page; with it, they start in about half the time")
	}
	if !userfault.MayCollapse() {
		return ok(name, "restored processes may get their memory from the watchdog; with the capability SYS_NICE dense memory would come in huge pages")
	}
	return ok(name, "restored processes may get their memory from the watchdog, dense memory in huge pages")
}

func trimmed(raw []byte) string { return strings.TrimSpace(string(raw)) }
