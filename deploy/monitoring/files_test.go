package monitoring

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pronghorn-faas/pronghorn/internal/require"
)

const (
	dashboardFile = "pronghorn-dashboard.json"
	rulesFile     = "pronghorn.rules.yml"
	ruleTestsFile = "pronghorn.rules.test.yml"
)

// dashboard is what the tests look at.
type dashboard struct {
	UID           string  `json:"uid"`
	SchemaVersion int     `json:"schemaVersion"`
	Panels        []panel `json:"panels"`
	Templating    struct {
		List []struct {
			Name  string          `json:"name"`
			Query json.RawMessage `json:"query"`
		} `json:"list"`
	} `json:"templating"`
}

type panel struct {
	ID         int        `json:"id"`
	Type       string     `json:"type"`
	Title      string     `json:"title"`
	Datasource datasource `json:"datasource"`
	GridPos    struct{ H, W, X, Y int }
	Targets    []struct {
		Datasource datasource `json:"datasource"`
		Expr       string     `json:"expr"`
	} `json:"targets"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal([]byte(read(t, dashboardFile)), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// queries are those of the dashboard by the panel's title, with its variables
// replaced as Grafana does.
func (d dashboard) queries() map[string][]string {
	all := map[string][]string{}
	replace := strings.NewReplacer("$__rate_interval", "1m", "$function", ".*")
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all[p.Title] = append(all[p.Title], replace.Replace(target.Expr))
		}
	}
	return all
}

// captured are the first groups of all matches, sorted, each once.
func captured(pattern, text string) []string {
	var all []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// namesIn are the metrics that a text names: ours, upstream's, and recorded ones.
func namesIn(text string) []string {
	return captured(`\b((?:pronghorn[_:]|http_request)[a-zA-Z0-9_:]*)`, text)
}

func recorded(t *testing.T) []string {
	return captured(`(?m)^ +- record: (\S+)$`, read(t, rulesFile))
}

func TestPanelsAreDrawnFromTheChosenDatasourceAndDoNotOverlap(t *testing.T) {
	d := readDashboard(t)
	want := datasource{"prometheus", "${datasource}"}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 {
			t.Errorf("panel %q: the id %d is 0 or another's", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, is := taken[[2]int{x, y}]; is || x >= 24 {
					t.Fatalf("panel %q is where %q is, or outside the grid", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Datasource != want || len(p.Targets) == 0 {
			t.Errorf("panel %q: datasource %v, %d queries", p.Title, p.Datasource, len(p.Targets))
		}
		for _, target := range p.Targets {
			if target.Datasource != want {
				t.Errorf("panel %q: a query of %v", p.Title, target.Datasource)
			}
		}
	}
	if len(ids) < 20 || d.UID == "" || d.SchemaVersion < 39 {
		t.Errorf("%d panels, uid %q, schema version %d", len(ids), d.UID, d.SchemaVersion)
	}
}

func TestEveryRecordedMetricIsUsedAndEveryUsedOneRecorded(t *testing.T) {
	rules := read(t, rulesFile)
	all := strings.Join(slices.Collect(func(yield func(string) bool) {
		for _, queries := range readDashboard(t).queries() {
			if !yield(strings.Join(queries, "\n")) {
				return
			}
		}
	}), "\n") + regexp.MustCompile(`record: \S+`).ReplaceAllString(rules, "")
	have := recorded(t)
	for _, name := range namesIn(all) {
		if strings.Contains(name, ":") && !slices.Contains(have, name) {
			t.Errorf("%s is used, but no rule records it", name)
		}
	}
	for _, name := range have {
		if !slices.Contains(namesIn(all), name) {
			t.Errorf("%s is recorded, but neither the dashboard nor an alert uses it", name)
		}
	}
}

func TestEveryAlertIsSeenToFireAndToBeQuiet(t *testing.T) {
	tests := read(t, ruleTestsFile)
	fires := captured(`alertname: (\w+)\n +exp_alerts:\n`, tests)
	quiet := captured(`alertname: (\w+)\n +exp_alerts: \[\]`, tests)
	for _, alert := range captured(`- alert: (\w+)`, read(t, rulesFile)) {
		if !slices.Contains(fires, alert) || !slices.Contains(quiet, alert) {
			t.Errorf("%s has no test in which it fires, or none in which it does not", alert)
		}
	}
}

func TestRulesPassTheirUnitTests(t *testing.T) {
	promtool := require.Program(t, "prometheus", "promtool")
	for _, args := range [][]string{{"check", "rules", rulesFile}, {"test", "rules", ruleTestsFile}} {
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %q: %v\n%s", args, err, out)
		}
	}
}
