package results

import "fmt"

// Configuration is what the requests of one run that are numbered together
// have in common.
type Configuration struct {
	Run, Benchmark, Strategy string
	Rate                     int
}

func (c Configuration) String() string {
	s := fmt.Sprintf("%s at rate %d with %s", c.Benchmark, c.Rate, c.Strategy)
	if c.Run != "" {
		s += " in " + c.Run
	}
	return s
}

// Configuration returns that of a row.
func (r Row) Configuration() Configuration {
	return Configuration{r.Run, r.Benchmark, r.Strategy, r.Rate}
}

// Configuration returns that of a request.
func (r RequestRow) Configuration() Configuration {
	return Configuration{r.Run, r.Benchmark, r.Strategy, r.Rate}
}

// Configuration returns that of a lifetime.
func (r LifetimeRow) Configuration() Configuration {
	return Configuration{r.Run, r.Benchmark, r.Strategy, r.Rate}
}

// Configurations counts the rows of each configuration.
func (d Data) Configurations() map[Configuration]int {
	all := make(map[Configuration]int)
	for _, r := range d.Rows {
		all[r.Configuration()]++
	}
	return all
}

// Without returns the data without some configurations.
func (d Data) Without(some map[Configuration]bool) Data {
	if len(some) == 0 {
		return d
	}
	kept := Data{Setups: d.Setups}
	for _, r := range d.Rows {
		if !some[r.Configuration()] {
			kept.Rows = append(kept.Rows, r)
		}
	}
	for _, r := range d.Requests {
		if !some[r.Configuration()] {
			kept.Requests = append(kept.Requests, r)
		}
	}
	for _, r := range d.Lifetimes {
		if !some[r.Configuration()] {
			kept.Lifetimes = append(kept.Lifetimes, r)
		}
	}
	return kept
}
