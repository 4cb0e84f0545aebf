package pool

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/pronghorn-faas/pronghorn/snapshot"
)

// s3Config is what an s3:// URL says.
type s3Config struct {
	endpoint string // HOST[:PORT]
	secure   bool
	bucket   string
	prefix   string // of keys: "" or ending with "/"
	region   string // "": the server is asked
	public   *url.URL
	creds    *credentials.Credentials
}

// String names the pool without its credentials.
func (c s3Config) String() string { return "s3://" + c.endpoint + "/" + c.bucket + "/" + c.prefix }

func parseS3(raw string) (s3Config, error) {
	bad := func(format string, args ...any) (s3Config, error) {
		return s3Config{}, fmt.Errorf("%w %q: %s: want %s", ErrURL, redact(raw), fmt.Sprintf(format, args...), Forms)
	}
	u, err := url.Parse(raw)
	if err != nil { // its text quotes the secret
		return bad("it does not parse (are '/', '@' and ':' in the secret percent-encoded?)")
	}
	c := s3Config{endpoint: u.Host, secure: true}
	if u.Host == "" {
		return bad("no host")
	}
	if err := c.parsePath(u.Path); err != nil {
		return bad("%v", err)
	}
	if err := c.parseQuery(u.RawQuery); err != nil {
		return bad("%v", err)
	}
	if c.creds, err = parseCredentials(u.User); err != nil {
		return bad("%v", err)
	}
	return c, nil
}

func (c *s3Config) parsePath(path string) error {
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if bucket == "" {
		return errors.New("no bucket")
	}
	if err := s3utils.CheckValidBucketNameStrict(bucket); err != nil {
		return fmt.Errorf("bucket %q: %w", bucket, err)
	}
	c.bucket = bucket
	prefix = strings.TrimSuffix(prefix, "/")
	if prefix == "" {
		return nil
	}
	c.prefix = prefix + "/"
	return snapshot.CheckKey(prefix)
}

func (c *s3Config) parseQuery(raw string) error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return fmt.Errorf("parameters: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if err := c.set(name, query.Get(name)); err != nil {
			return err
		}
	}
	return nil
}

func (c *s3Config) set(name, value string) error {
	switch name {
	case "insecure":
		insecure, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("insecure=%s: want true or false", value)
		}
		c.secure = !insecure
	case "region":
		c.region = value
	case "public":
		return c.setPublic(value)
	default:
		return fmt.Errorf("unknown parameter %q, the known ones are insecure, region, public", name)
	}
	return nil
}

func (c *s3Config) setPublic(value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") ||
		u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return fmt.Errorf("public=%s: want http://HOST[:PORT] or https://HOST[:PORT]", redact(value))
	}
	c.public = u
	return nil
}

// parseCredentials takes them from the URL, or else from the environment.
func parseCredentials(user *url.Userinfo) (*credentials.Credentials, error) {
	if user != nil {
		secret, _ := user.Password()
		if user.Username() == "" || secret == "" {
			return nil, errors.New("credentials: want KEY:SECRET before the @")
		}
		return credentials.NewStaticV4(user.Username(), secret, ""), nil
	}
	env := credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.EnvMinio{}})
	value, err := env.GetWithContext(nil)
	if err != nil || value.AccessKeyID == "" || value.SecretAccessKey == "" {
		return nil, errors.New("no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or MINIO_ROOT_USER and MINIO_ROOT_PASSWORD, or give KEY:SECRET@ in the URL")
	}
	return env, nil
}
