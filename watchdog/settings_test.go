package watchdog

import (
	"testing"
)

func TestEnvironmentTellsDeploymentsApartAndNotReplicas(t *testing.T) {
	base := []string{"fprocess=sh", "model=small"}
	identity := func(environment ...string) string {
		t.Helper()
		id, err := programIdentity([]string{"sh"}, environment)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	want := identity(base...)
	for claim, tc := range map[string]struct {
		environment []string
		same        bool
	}{
		"their order does not matter":        {[]string{"model=small", "fprocess=sh"}, true},
		"a replica's own name":               {append([]string{"HOSTNAME=fn-5d-x2"}, base...), true},
		"services of the cluster":            {append([]string{"KUBERNETES_PORT=tcp://10.0.0.1:443", "REDIS_SERVICE_HOST=10.0.0.2", "REDIS_PORT=tcp://10.0.0.2:6379", "REDIS_PORT_6379_TCP_ADDR=10.0.0.2"}, base...), true},
		"settings of snapshots":              {append([]string{"snapshot_max_pause=1s", "ENV=cold,true,4"}, base...), true},
		"a setting with another value":       {[]string{"fprocess=sh", "model=large"}, false},
		"a further setting":                  {append([]string{"REDIS_PORT=6379"}, base...), false},
		"a setting that is not there":        {base[:1], false},
		"variables that look like one other": {[]string{"fprocess=sh model=small"}, false},
	} {
		t.Run(claim, func(t *testing.T) {
			if got := identity(tc.environment...) == want; got != tc.same {
				t.Errorf("same identity: %v, want %v", got, tc.same)
			}
		})
	}
}
