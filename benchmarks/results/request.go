package results

// RequestRow is what there is to say about a request, answered or not, that
// the artifact does not record.
type RequestRow struct {
	// Run is as in Row.
	Run       string
	Benchmark string
	Strategy  string
	Rate      int
	// RequestNumber is the index of the request in its configuration, as in Row.
	RequestNumber int
	// Lifetime is the id of the lifetime that answered; "" when unknown.
	Lifetime string
	// LineageRequestNumber is the number of the request in the lineage of the
	// process, counted from 1 over all restores; 0 when unknown.
	LineageRequestNumber int
	// InputSize is the size of the input as the function reports it, in units
	// of its own; 0 when unknown.
	InputSize int64
	// ClientUS is the round trip with all waiting, ServerUS is as in Row, in µs.
	ClientUS int64
	ServerUS int64
	// WaitUS is the time in which the request waited for the start of the
	// lifetime or for a checkpoint, in µs. It is part of ClientUS.
	WaitUS int64
	// Status is the HTTP status of the last try; 0 when there was no answer.
	Status int
	// Tries is the number of times that the request was sent.
	Tries int
	// GCUS is the time of garbage collection in the request as the runtime tells
	// it, in µs, part of ServerUS or of what the handler does besides; nil when
	// unknown.
	GCUS *int64
	// Error says why the request failed after the last try; "" when it did not.
	Error string
}

// Failed reports whether the request was never answered as it should be.
func (r RequestRow) Failed() bool { return r.Error != "" }

func (RequestRow) layout() layout[RequestRow] {
	return layout[RequestRow]{header: true, columns: []column[RequestRow]{
		name("benchmark", func(r *RequestRow) *string { return &r.Benchmark }),
		name("strategy", func(r *RequestRow) *string { return &r.Strategy }),
		count("rate", func(r *RequestRow) *int { return &r.Rate }),
		count("request_number", func(r *RequestRow) *int { return &r.RequestNumber }),
		text("lifetime", func(r *RequestRow) *string { return &r.Lifetime }),
		count("lineage_request_number", func(r *RequestRow) *int { return &r.LineageRequestNumber }),
		count("input_size", func(r *RequestRow) *int64 { return &r.InputSize }),
		count("client_us", func(r *RequestRow) *int64 { return &r.ClientUS }),
		count("server_us", func(r *RequestRow) *int64 { return &r.ServerUS }),
		count("wait_us", func(r *RequestRow) *int64 { return &r.WaitUS }),
		count("status", func(r *RequestRow) *int { return &r.Status }),
		count("tries", func(r *RequestRow) *int { return &r.Tries }),
		text("error", func(r *RequestRow) *string { return &r.Error }),
		unlessUnknown("gc_us", func(r *RequestRow) **int64 { return &r.GCUS }),
	}}
}
