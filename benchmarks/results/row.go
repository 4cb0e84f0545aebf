// Package results reads and writes what a run of the benchmarks leaves behind:
// the CSV of the published artifact, one row a request and no header, and
// beside it two files with headers that hold what the artifact does not
// record, one row a request and one row a lifetime. docs/results.md lists the
// columns.
package results

// Row is a request that was answered, as the artifact records it. The artifact
// has no header, so the order of the columns is the format.
type Row struct {
	// Run tells repetitions of a configuration apart; "" if there is only one. It
	// is no column: each repetition has files of its own.
	Run string
	// RequestNumber is the index of the request in its configuration, that is
	// among the requests of one benchmark, strategy and rate.
	RequestNumber int
	Benchmark     string
	// Mutability is the variance of the workload that the request asked for.
	Mutability float64
	// Strategy is the strategy spec, such as "fixed&request_to_checkpoint=1".
	Strategy string
	// Rate is the eviction rate: the number of requests that a lifetime serves.
	Rate int
	// ClientUS is the round trip as the client saw it, in µs, without waiting for
	// the start of the worker or for a checkpoint.
	ClientUS int64
	// ServerUS is the time that the function says it took, in µs.
	ServerUS int64
	// OverheadUS is what the function says it spent on talking to others, in µs.
	OverheadUS int64
}

func (Row) layout() layout[Row] {
	return layout[Row]{columns: []column[Row]{
		count("request_number", func(r *Row) *int { return &r.RequestNumber }),
		name("benchmark", func(r *Row) *string { return &r.Benchmark }),
		decimal("mutability", func(r *Row) *float64 { return &r.Mutability }),
		name("strategy", func(r *Row) *string { return &r.Strategy }),
		count("rate", func(r *Row) *int { return &r.Rate }),
		notNegative(micros("client_us", func(r *Row) *int64 { return &r.ClientUS }), func(r *Row) *int64 { return &r.ClientUS }),
		notNegative(micros("server_us", func(r *Row) *int64 { return &r.ServerUS }), func(r *Row) *int64 { return &r.ServerUS }),
		micros("overhead_us", func(r *Row) *int64 { return &r.OverheadUS }),
	}}
}
