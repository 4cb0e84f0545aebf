package fork

import (
	"net/http"

	"github.com/pronghorn-faas/pronghorn/watchdog/access"
)

// Static returns the handler of upstream's static mode: it serves the files
// under the directory path, with listings of directories that have no
// index.html, to requests of any method.
func Static(path string, log access.Log) http.Handler {
	return log.Wrap(http.FileServer(http.Dir(path)))
}
