package watchdog

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// perReplica are the variables that differ between replicas of one function,
// or that say nothing to it: the host's name, the addresses of services that
// Kubernetes and container links add and that come and go with them, and the
// watchdog's own about snapshots. To compile it takes more memory than the
// metrics do, and without snapshots nobody asks.
var perReplica = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(HOSTNAME|PWD|OLDPWD|SHLVL|_|ENV|PRONGHORN_.*|snapshot_.*|KUBERNETES_.*|.*_SERVICE_HOST|.*_SERVICE_PORT(_.*)?|.*_PORT_[0-9]+_(TCP|UDP)(_.*)?)$`)
})

// settingsIn returns the variables that all replicas of one deployment of a
// function share, sorted.
func settingsIn(environment []string) []string {
	var settings []string
	perReplica := perReplica()
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		link := strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://")
		if !perReplica.MatchString(name) && !link {
			settings = append(settings, variable)
		}
	}
	slices.Sort(settings)
	return settings
}
