package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pronghorn-faas/pronghorn/internal/httpx"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/criu"
)

// roomForImages is how much a staging directory should have free, in bytes:
// room for the image of a large JVM.
const roomForImages = 256 << 20

func isUnavailable(err error) bool { return errors.Is(err, criu.ErrUnavailable) }

// stage makes an empty directory in the staging directory.
func stage(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return os.MkdirTemp(dir, "doctor-*")
}

func (d *doctor) staging(context.Context) Check {
	const name = "staging directory"
	if d.StagingDir == "" {
		return skipped(name, "not asked for")
	}
	made, err := stage(d.StagingDir)
	if err != nil {
		return failed(name, err, "set snapshot_dir to a directory that can be written, best on a tmpfs")
	}
	_ = os.Remove(made) // empty, and it will not be in the way
	var fs unix.Statfs_t
	if err := unix.Statfs(d.StagingDir, &fs); err != nil {
		return failed(name, err, "set snapshot_dir to another directory")
	}
	free := int64(fs.Bavail) * fs.Bsize
	detail := fmt.Sprintf("%s: %d MiB free", d.StagingDir, free>>20)
	switch {
	case free < roomForImages:
		return warning(name, detail, fmt.Sprintf("give it %d MiB: container engines give /dev/shm 64 MiB unless told otherwise (--shm-size; an emptyDir of medium Memory)", int64(roomForImages)>>20))
	case fs.Type != unix.TMPFS_MAGIC:
		return warning(name, detail+", not on a tmpfs", "set snapshot_dir to a directory on a tmpfs: restores are quicker")
	}
	return ok(name, detail+", on a tmpfs")
}

func (d *doctor) cache(context.Context) Check {
	const name = "node cache"
	if d.CacheDir == "" {
		return skipped(name, "snapshot_cache_dir is not set: every start downloads its snapshot")
	}
	if _, err := snapshot.NewCache(d.CacheDir, roomForImages); err != nil {
		return warning(name, err.Error(), "mount a directory of the node that can be written, or unset snapshot_cache_dir")
	}
	return ok(name, d.CacheDir)
}

func (d *doctor) keys(context.Context) Check {
	const name = "encryption"
	if d.KeyFile == "" {
		return skipped(name, "no key: snapshots, which hold the function's memory, are stored in the clear")
	}
	keys, err := snapshot.ReadKeyring(d.KeyFile)
	if err != nil {
		return failed(name, err, "mend the secret pronghorn-key: a line with the id of a key and 32 bytes in base64; the watchdog does not start with a broken one")
	}
	return ok(name, keys.String())
}

// command looks at what is known to keep a function from being restored.
func (d *doctor) command(context.Context) Check {
	const name = "function"
	if len(d.Command) == 0 {
		return skipped(name, "no command given")
	}
	line, program := strings.Join(d.Command, " "), filepath.Base(d.Command[0])
	switch {
	case strings.HasPrefix(program, "java") && !slices.Contains(javaOptions(line), "-XX:-UsePerfData"):
		return failed(name, errors.New(line+": a JVM that keeps its performance data in /tmp cannot be restored elsewhere"), "add -XX:-UsePerfData to the command or to JAVA_TOOL_OPTIONS")
	case strings.HasPrefix(program, "node") && !strings.Contains(os.Getenv("LD_PRELOAD"), "no-io-uring"):
		return warning(name, line+": a Node with libuv 1.50 or later (node -p process.versions.uv) makes an io_uring, which CRIU cannot dump", "set LD_PRELOAD=/opt/pronghorn/lib/no-io-uring.so, as the template does")
	}
	return ok(name, line)
}

// javaOptions are those of the command and those that a JVM takes from its
// environment.
func javaOptions(command string) []string {
	return strings.Fields(command + " " + os.Getenv("JAVA_TOOL_OPTIONS") + " " + os.Getenv("JDK_JAVA_OPTIONS"))
}

// agent asks the policy agent for the function, as the watchdog will.
func (d *doctor) agent(ctx context.Context) Check {
	const name = "policy agent"
	if d.AgentURL == "" {
		return skipped(name, "snapshot_agent_url is not set: the watchdog would run without snapshots")
	}
	client, err := httpx.NewClient(d.AgentURL, httpx.Options{Token: d.Token, Timeout: 5 * time.Second})
	if err == nil {
		err = client.Call(ctx, http.MethodGet, "/v1/functions/"+d.Function, nil, nil)
	}
	switch status := httpx.StatusOf(err); {
	case err == nil:
		return ok(name, d.AgentURL+" knows the function "+d.Function)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return failed(name, err, "mount the secret pronghorn-token with the output of: pronghorn token "+d.Function)
	case status == http.StatusNotFound:
		return ok(name, d.AgentURL+" answers; the function "+d.Function+" is new to it")
	}
	return failed(name, err, "start the agent, or set snapshot_agent_url to where it is")
}
