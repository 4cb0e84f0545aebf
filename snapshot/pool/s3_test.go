package pool_test

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pronghorn-faas/pronghorn/internal/miniotest"
	"github.com/pronghorn-faas/pronghorn/snapshot"
	"github.com/pronghorn-faas/pronghorn/snapshot/pool"
)

func TestS3IsSetUpByItsURLAndTheEnvironment(t *testing.T) {
	noCredentials(t)
	server := miniotest.Start(t)
	bare := "s3://" + server.Address + "/checkpoints?insecure=true"
	for name, names := range map[string][2]string{
		"AWS credentials":   {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"},
		"MinIO credentials": {"MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(names[0], miniotest.User)
			t.Setenv(names[1], miniotest.Password)
			works(t, open(t, bare))
		})
	}
	t.Run("two agents may make the bucket", func(t *testing.T) {
		for range 2 {
			works(t, open(t, server.Bucket("shared")))
		}
	})
	t.Run("presigned URLs name the public address", func(t *testing.T) {
		p := open(t, server.URL+"&public=https://pool.example:9443").(snapshot.Presigner)
		link, err := p.PresignGet(t.Context(), "fn/s1/image.pack", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(link)
		if err != nil || u.Scheme != "https" || u.Host != "pool.example:9443" || u.Path != "/checkpoints/fn/s1/image.pack" {
			t.Errorf("URL %s, %v", link, err)
		}
	})
	t.Run("the public address is the one that is signed", func(t *testing.T) {
		p := open(t, server.URL+"&public=http://pool.example:9000")
		works(t, p)
		link, err := p.(snapshot.Presigner).PresignGet(t.Context(), "fn/key", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if status, body := httpGet(t, server.Address, link); status != 200 || body != "x" {
			t.Errorf("GET %s: %d %s", link, status, body)
		}
	})
	t.Run("no URL is good for more than a week", func(t *testing.T) {
		p := open(t, server.URL).(snapshot.Presigner)
		if link, err := p.PresignGet(t.Context(), "fn/key", 8*24*time.Hour); err == nil {
			t.Errorf("URL %s, want an error", link)
		}
	})
}

func TestS3SaysWhyItCannotBeOpened(t *testing.T) {
	server := miniotest.Start(t)
	for name, tc := range map[string]struct{ url, says string }{
		"a wrong secret":        {strings.Replace(server.URL, miniotest.Password, "hush-hush", 1), "access denied"},
		"an unknown key":        {strings.Replace(server.URL, miniotest.User+":", "nobody:", 1), "access denied"},
		"TLS to a plain server": {strings.Replace(server.URL, "insecure=true", "insecure=false", 1), "insecure=true"},
		"nobody listens":        {"s3://k:hush-hush@127.0.0.1:1/bkt?insecure=true", "cannot reach 127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pool.Open(t.Context(), tc.url)
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("error %v, want one that says %q", err, tc.says)
			}
			if strings.Contains(err.Error(), "hush-hush") || strings.Contains(err.Error(), miniotest.Password) {
				t.Errorf("error %q shows the secret", err)
			}
		})
	}
}

func TestS3ComesBackWithItsServer(t *testing.T) {
	server := miniotest.Start(t)
	p := open(t, server.URL)
	works(t, p)
	server.Stop()
	if err := put(t.Context(), p); err == nil {
		t.Error("Put into a server that is down: no error")
	}
	if _, err := p.Stat(t.Context(), "fn/key"); err == nil || errors.Is(err, snapshot.ErrNotExist) {
		t.Errorf("Stat: %v, want an error that is not ErrNotExist: nobody knows", err)
	}
	server.Restart()
	if size, err := p.Stat(t.Context(), "fn/key"); err != nil || size != 1 {
		t.Errorf("Stat = %d, %v after the restart", size, err)
	}
	works(t, p)
}

func put(ctx context.Context, p snapshot.Pool) error {
	return p.Put(ctx, "fn/key", bytes.NewReader([]byte("x")), 1)
}

func works(t *testing.T, p snapshot.Pool) {
	t.Helper()
	if err := put(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if size, err := p.Stat(t.Context(), "fn/key"); err != nil || size != 1 {
		t.Fatalf("Stat = %d, %v", size, err)
	}
}
