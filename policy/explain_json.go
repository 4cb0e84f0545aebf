package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// queryJSON is a Query on the wire. Pointers tell what is missing from what is 0.
type queryJSON struct {
	Strategy      *string        `json:"strategy"`
	Eviction      *int           `json:"eviction"`
	MaxRequests   *int           `json:"max_requests"`
	LatenciesUS   []*float64     `json:"latencies_us"`
	Pool          []snapshotJSON `json:"pool"`
	RequestNumber *int           `json:"request_number"`
}

type snapshotJSON struct {
	ID            *string `json:"id"`
	RequestNumber *int    `json:"request_number"`
}

const (
	queryFields    = "strategy, eviction, max_requests, latencies_us, pool, request_number"
	snapshotFields = "id, request_number"
)

// ParseQuery reads a query from one JSON object,
//
//	{"strategy": "request_centric", "eviction": 4, "max_requests": 100,
//	 "latencies_us": [W numbers, 0 = unseen],
//	 "pool": [{"id": "a", "request_number": 5}], "request_number": 5}
//
// of which only max_requests and pool may be left out. Everything that does not
// belong there is an error.
func ParseQuery(data []byte) (Query, error) {
	var wire queryJSON
	if err := decodeStrictly(data, &wire); err != nil {
		return Query{}, err
	}
	if err := wire.checkPresent(); err != nil {
		return Query{}, err
	}
	latencies, err := wire.latencies()
	if err != nil {
		return Query{}, err
	}
	pool, err := wire.pool()
	if err != nil {
		return Query{}, err
	}
	return Query{*wire.Strategy, *wire.Eviction, latencies, pool, *wire.RequestNumber}, nil
}

func (q queryJSON) checkPresent() error {
	switch {
	case q.Strategy == nil:
		return errors.New(`field "strategy" is missing: want a strategy spec`)
	case q.Eviction == nil:
		return errors.New(`field "eviction" is missing: want the requests per lifetime, 0 = never evicted`)
	case q.LatenciesUS == nil:
		return errors.New(`field "latencies_us" is missing: want one number of µs per request number, 0 = unseen`)
	case q.RequestNumber == nil:
		return errors.New(`field "request_number" is missing: want the request number at which the lifetime starts, 0 = cold`)
	}
	return nil
}

func (q queryJSON) latencies() ([]float64, error) {
	if w := q.MaxRequests; w != nil {
		if *w < 1 {
			return nil, fmt.Errorf("max_requests %d: want 1 or more", *w)
		}
		if n := len(q.LatenciesUS); n != *w {
			return nil, fmt.Errorf("latencies_us has %d numbers: want %s", n, wantSlots(*w))
		}
	}
	latencies := make([]float64, len(q.LatenciesUS))
	for i, us := range q.LatenciesUS {
		if us == nil {
			return nil, fmt.Errorf("latencies_us[%d] is null: want a number of µs, 0 = unseen", i)
		}
		latencies[i] = *us
	}
	return latencies, nil
}

func (q queryJSON) pool() ([]Snapshot, error) {
	pool := make([]Snapshot, len(q.Pool))
	for i, s := range q.Pool {
		if s.ID == nil || s.RequestNumber == nil {
			return nil, fmt.Errorf("pool[%d] is incomplete: want the fields %s", i, snapshotFields)
		}
		pool[i] = Snapshot{ID: *s.ID, RequestNumber: *s.RequestNumber}
	}
	return pool, nil
}

// decodeStrictly decodes exactly one JSON value without unknown fields.
func decodeStrictly(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return explainJSONError(err)
	}
	if rest := bytes.TrimSpace(data[decoder.InputOffset():]); len(rest) > 0 {
		return fmt.Errorf("%d bytes after the JSON object: want one object", len(rest))
	}
	return nil
}

// explainJSONError says what was expected in the words of the input.
func explainJSONError(err error) error {
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &mismatch) && mismatch.Field == "":
		return fmt.Errorf("a JSON %s: want one object with the fields %s", mismatch.Value, queryFields)
	case errors.As(err, &mismatch):
		return fmt.Errorf("field %q is a JSON %s: want %s", mismatch.Field, mismatch.Value, jsonKind(mismatch.Type.Kind()))
	case strings.HasPrefix(err.Error(), "json: unknown field "): // it has no type
		return fmt.Errorf("%w: want %s; in pool: %s", err, queryFields, snapshotFields)
	}
	return fmt.Errorf("not a JSON object with the fields %s: %w", queryFields, err)
}

func jsonKind(kind reflect.Kind) string {
	switch kind {
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "an array"
	case reflect.Struct:
		return "an object"
	}
	return "a " + kind.String()
}

// MarshalJSON writes {"start": {"": p, id: p, …}, "checkpoint": {"6": p, …}}
// in the order of the options, each probability with all its digits.
func (e Explanation) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"start":{`)
	for i, o := range e.Start {
		if err := writeMember(&b, i, o.ID, o.Probability); err != nil {
			return nil, err
		}
	}
	b.WriteString(`},"checkpoint":{`)
	for i, o := range e.Checkpoint {
		if err := writeMember(&b, i, strconv.Itoa(o.RequestNumber), o.Probability); err != nil {
			return nil, err
		}
	}
	b.WriteString("}}")
	return b.Bytes(), nil
}

// writeMember writes the i-th member of an object; a map would lose the order.
func writeMember(b *bytes.Buffer, i int, key string, number float64) error {
	name, err := json.Marshal(key)
	if err != nil {
		return fmt.Errorf("write the key %q: %w", key, err)
	}
	value, err := json.Marshal(number)
	if err != nil {
		return fmt.Errorf("write the value of %q: %w", key, err)
	}
	if i > 0 {
		b.WriteByte(',')
	}
	b.Write(name)
	b.WriteByte(':')
	b.Write(value)
	return nil
}
