package pool

import (
	"crypto/rand"
	"os"
	"path"
)

// createTemp makes a file of a new name in the staging directory; os.Root has
// no CreateTemp of its own.
func (d *dir) createTemp() (*os.File, string, error) {
	name := path.Join(staging, rand.Text())
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	return f, name, err
}
