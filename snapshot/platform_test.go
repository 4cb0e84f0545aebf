package snapshot

import (
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

func host(release, cpuinfo string) fstest.MapFS {
	return fstest.MapFS{
		"proc/sys/kernel/osrelease": {Data: []byte(release + "\n")},
		"proc/cpuinfo":              {Data: []byte(cpuinfo)},
	}
}

func key(t *testing.T, root fstest.MapFS, arch, id string) string {
	t.Helper()
	p, err := readPlatform(root, arch)
	if err != nil {
		t.Fatal(err)
	}
	k, err := p.Key(id)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const (
	intel = "processor\t: 0\nflags\t\t: fpu sse avx2\n\nprocessor\t: 1\nflags\t\t: fpu\n"
	arm   = "processor\t: 0\nFeatures\t: fp asimd\n"
)

func TestThePlatformKeyNamesTheMachine(t *testing.T) {
	for name, tc := range map[string]struct {
		root fstest.MapFS
		arch string
		id   string
		want string
	}{
		"amd64":              {host("6.12.1-amd64", intel), "amd64", "pypy-1", `^linux-amd64-6\.12\.1-amd64-cpu[0-9a-f]{8}-pypy-1$`},
		"arm64":              {host("6.1.0+", arm), "arm64", "jvm", `^linux-arm64-6\.1\.0_-cpu[0-9a-f]{8}-jvm$`},
		"a digest as id":     {host("6.1.0", arm), "arm64", "sha256:" + strings.Repeat("ab", 32), `-[0-9a-f]{16}$`},
		"everything is long": {host(strings.Repeat("6", 200), arm), "arm64", strings.Repeat("x", 32), `^linux-arm64-6{64}-cpu[0-9a-f]{8}-x{32}$`},
	} {
		t.Run(name, func(t *testing.T) {
			got := key(t, tc.root, tc.arch, tc.id)
			if !regexp.MustCompile(tc.want).MatchString(got) || !validName(got) {
				t.Errorf("key %q, want a name like %s", got, tc.want)
			}
		})
	}
}

func TestThePlatformKeyTellsMachinesApart(t *testing.T) {
	base := key(t, host("6.12.1", intel), "amd64", "id")
	for name, other := range map[string]string{
		"kernel":      key(t, host("6.12.2", intel), "amd64", "id"),
		"CPU feature": key(t, host("6.12.1", strings.Replace(intel, " avx2", "", 1)), "amd64", "id"),
		"program":     key(t, host("6.12.1", intel), "amd64", "id2"),
		"arch":        key(t, host("6.12.1", intel), "386", "id"),
	} {
		if other == base {
			t.Errorf("another %s has the same key %s", name, base)
		}
	}
	same := host("6.12.1", strings.Replace(intel, "fpu sse avx2", "avx2 sse fpu sse", 1))
	if other := key(t, same, "amd64", "id"); other != base {
		t.Errorf("the flags in another order give %s, want %s", other, base)
	}
}

func TestAPlatformThatCannotBeReadIsAnError(t *testing.T) {
	for name, root := range map[string]fstest.MapFS{
		"no /proc":   {},
		"no cpuinfo": {"proc/sys/kernel/osrelease": {Data: []byte("6.1\n")}},
		"no flags":   host("6.1", "processor\t: 0\n"),
	} {
		t.Run(name, func(t *testing.T) {
			if p, err := readPlatform(root, "amd64"); err == nil {
				t.Errorf("platform %v, want an error", p)
			}
		})
	}
	if k, err := (Platform{}).Key(""); err == nil {
		t.Errorf("key %q without an identity, want an error", k)
	}
}

func TestThisMachineHasAPlatform(t *testing.T) {
	got, err := PlatformKey("id")
	if err != nil {
		t.Skipf("not a Linux that says what it is: %v", err)
	}
	if !validName(got) {
		t.Errorf("key %q is no name", got)
	}
}
