package pool_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pronghorn-faas/pronghorn/snapshot/pool"
)

// noCredentials empties the environment of them.
func noCredentials(t *testing.T) {
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY",
		"MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD", "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY",
	} {
		t.Setenv(name, "")
	}
}

func TestAURLThatIsNoPoolIsExplained(t *testing.T) {
	noCredentials(t)
	for name, tc := range map[string]struct{ url, says string }{
		"nothing":                {"", `""`},
		"a bare path":            {"/var/pool", `"/var/pool"`},
		"an unknown scheme":      {"ftp://host/x", `"ftp://host/x"`},
		"dir without a path":     {"dir:", "no path"},
		"s3 without a host":      {"s3:///bucket", "no host"},
		"s3 without a bucket":    {"s3://k:hush@host", "no bucket"},
		"no bucket of S3's":      {"s3://k:hush@host/No_Bucket", `"No_Bucket"`},
		"a wicked prefix":        {"s3://k:hush@host/bucket/../x", `".."`},
		"an unknown parameter":   {"s3://k:hush@host/bkt?secure=1", `"secure", the known ones are insecure, region, public`},
		"insecure is no boolean": {"s3://k:hush@host/bkt?insecure=maybe", "insecure=maybe"},
		"public is no address":   {"s3://k:hush@host/bkt?public=host:9000", "public=host:9000"},
		"public with a secret":   {"s3://k:hush@host/bkt?public=https://k:hush@x", "public=https://…@x"},
		"a bad escape":           {"s3://k:hush@host/bkt?region=%zz", "parameters"},
		"no secret":              {"s3://k@host/bkt", "KEY:SECRET"},
		"no credentials at all":  {"s3://host/bkt", "AWS_ACCESS_KEY_ID"},
		"a slash in the secret":  {"s3://k:hu/sh@host/bkt", "percent-encoded"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pool.Open(t.Context(), tc.url)
			if !errors.Is(err, pool.ErrURL) || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), pool.Forms) {
				t.Errorf("error %v, want ErrURL that says %q and the valid forms", err, tc.says)
			}
			if err != nil && (strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "hu/sh")) {
				t.Errorf("error %q shows the secret", err)
			}
		})
	}
}
