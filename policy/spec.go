package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Names of the strategies in specs.
const (
	coldName           = "cold"
	fixedName          = "fixed"
	requestCentricName = "request_centric"
)

// kind is a strategy as the spec grammar knows it.
type kind struct {
	name       string
	parameters func(*Params) []parameter // nil: takes none
	build      func(Params) Strategy
}

func kinds() []kind {
	return []kind{
		{coldName, nil, func(p Params) Strategy { return cold{p} }},
		{fixedName, fixedParameters, func(p Params) Strategy { return fixed{p} }},
		{requestCentricName, requestCentricParameters, func(p Params) Strategy { return requestCentric{p} }},
	}
}

// Parse reads a strategy spec,
//
//	name&key=value&key=value
//
// such as "cold", "fixed&request_to_checkpoint=1" or
// "request_centric&max_capacity=12". What is not given has its default. The
// error of an unknown name, an unknown or repeated parameter or a value out of
// range names it and says what is valid.
func Parse(spec string) (Strategy, error) {
	name, rest, hasParameters := strings.Cut(spec, "&")
	kind, ok := kindNamed(name)
	if !ok {
		return nil, fmt.Errorf("strategy %q: unknown name %q: want one of %s", spec, name, kindNames())
	}
	params := defaults(name)
	if hasParameters {
		if err := kind.setAll(&params, strings.Split(rest, "&")); err != nil {
			return nil, fmt.Errorf("strategy %q: %w", spec, err)
		}
	}
	return kind.build(params), nil
}

// spec is the canonical spec: the parameters that differ from their defaults,
// in the order of the documentation.
func spec(name string, params Params) string {
	kind, _ := kindNamed(name)
	standard := defaults(name)
	usual := kind.parametersOf(&standard)
	var b strings.Builder
	b.WriteString(name)
	for i, p := range kind.parametersOf(&params) {
		if text := p.value.String(); text != usual[i].value.String() {
			fmt.Fprintf(&b, "&%s=%s", p.name, text)
		}
	}
	return b.String()
}

func kindNamed(name string) (kind, bool) {
	all := kinds()
	i := slices.IndexFunc(all, func(k kind) bool { return k.name == name })
	if i < 0 {
		return kind{}, false
	}
	return all[i], true
}

func kindNames() string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return strings.Join(names, ", ")
}

// setAll sets the parameters of a spec from its "key=value" parts.
func (k kind) setAll(params *Params, parts []string) error {
	valid := k.parametersOf(params)
	given := make(map[string]bool, len(valid))
	for _, part := range parts {
		key, value, hasValue := strings.Cut(part, "=")
		i := slices.IndexFunc(valid, func(p parameter) bool { return p.name == key })
		switch {
		case i < 0:
			return fmt.Errorf("unknown parameter %q: %s takes %s", key, k.name, parameterNames(valid))
		case given[key]:
			return fmt.Errorf("parameter %q is given twice", key)
		case !hasValue:
			return fmt.Errorf("parameter %q has no value: want %s=%s", key, key, valid[i].value.want())
		}
		given[key] = true
		if err := valid[i].value.set(value); err != nil {
			return fmt.Errorf("parameter %q: %w", key, err)
		}
	}
	return nil
}

func (k kind) parametersOf(params *Params) []parameter {
	if k.parameters == nil {
		return nil
	}
	return k.parameters(params)
}
