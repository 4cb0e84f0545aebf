package report

import "strconv"

// field is a column of a table of T. A page shows its value rounded, a CSV has
// it as it is, in one or more columns named by keys.
type field[T any] struct {
	column
	keys []string
	cell func(T) cell
}

// cell is a value in a row.
type cell struct {
	show string
	raw  []string // by key; shorter if unknown
	// tone is what a page sets off with a colour: "better", "worse" or "".
	tone string
}

// tabulate makes a table of rows.
func tabulate[T any](name, title string, rows []T, fields ...field[T]) table {
	t := table{name: name, title: title}
	for _, f := range fields {
		t.columns = append(t.columns, f.column)
		t.keys = append(t.keys, f.keys...)
	}
	for _, r := range rows {
		var show, raw, tones []string
		for _, f := range fields {
			c := f.cell(r)
			show, tones = append(show, c.show), append(tones, c.tone)
			raw = append(raw, append(c.raw, make([]string, len(f.keys)-len(c.raw))...)...)
		}
		t.rows, t.raw, t.tones = append(t.rows, show), append(t.raw, raw), append(t.tones, tones)
	}
	return t
}

// under puts columns under a common heading.
func under[T any](heading string, fields ...field[T]) []field[T] {
	for i := range fields {
		fields[i].group = heading
	}
	return fields
}

func textField[T any](name, key string, value func(T) string) field[T] {
	return field[T]{word(name), []string{key}, func(r T) cell {
		return cell{show: value(r), raw: []string{value(r)}}
	}}
}

func countField[T any](name, key string, value func(T) int) field[T] {
	return field[T]{number(name), []string{key}, func(r T) cell {
		n := strconv.Itoa(value(r))
		return cell{show: n, raw: []string{n}}
	}}
}

// numberField is of numbers that may be unknown, shown in some way.
func numberField[T any](name, key string, show func(float64) string, value func(T) *float64) field[T] {
	return field[T]{number(name), []string{key}, func(r T) cell {
		v := value(r)
		if v == nil {
			return cell{show: missing}
		}
		return cell{show: show(*v), raw: []string{exact(*v)}}
	}}
}

// changeField is of changes with their intervals.
func changeField[T any](name, key string, value func(T) *Change) field[T] {
	keys := []string{key + "_pct", key + "_low", key + "_high"}
	return field[T]{number(name), keys, func(r T) cell {
		c := value(r)
		if c == nil {
			return cell{show: missing}
		}
		return cell{
			show: signed(c.Percent) + " (" + signed(c.Low) + " … " + signed(c.High) + ")",
			raw:  []string{exact(c.Percent), exact(c.Low), exact(c.High)},
			tone: c.tone(),
		}
	}}
}

// tone tells changes apart whose interval is on one side of 0.
func (c Change) tone() string {
	switch {
	case c.Low > 0:
		return "better"
	case c.High < 0:
		return "worse"
	}
	return ""
}

func exact(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// signed has one digit after the point; −0.0 is 0.0.
func signed(v float64) string {
	s := strconv.FormatFloat(v, 'f', 1, 64)
	switch {
	case s == "-0.0" || s == "0.0":
		return "0.0"
	case v > 0:
		return "+" + s
	}
	return "−" + s[1:]
}

// microseconds shows µs as ms.
func microseconds(us float64) string { return milliseconds(us / 1000) }

// bytesAsMB shows bytes as MB, of 10⁶ bytes.
func bytesAsMB(b float64) string { return milliseconds(b / 1e6) }

func oneDecimal(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

func whole(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) }
