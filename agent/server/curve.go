package server

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// Size of the drawing in the units of its viewBox, and the room above the
// curve in which its maximum is not cut.
const (
	curveWidth  = 600
	curveHeight = 120
	curveMargin = 6
)

// curve is a latency table as a drawing: request numbers to the right, latency
// upwards from 0.
type curve struct {
	Width, Height int
	// Path is the SVG path of the slots that have been seen.
	Path string
	// Marks are where the snapshots of the pool lie.
	Marks []mark
	// MaxMS is the latency at the upper edge, in ms; Slots is W.
	MaxMS float64
	Slots int
}

type mark struct {
	X, Y  string
	Title string
}

func newCurve(latenciesUS []float64, pool []kvstore.Entry) curve {
	c := curve{Width: curveWidth, Height: curveHeight, Slots: len(latenciesUS)}
	if len(latenciesUS) == 0 {
		return c
	}
	c.MaxMS = slices.Max(latenciesUS) / 1000
	c.Path = c.path(latenciesUS)
	for _, e := range pool {
		c.Marks = append(c.Marks, c.mark(e, latenciesUS))
	}
	return c
}

// path begins anew behind every gap; "h0" makes a dot of a slot by itself.
func (c curve) path(latenciesUS []float64) string {
	var b strings.Builder
	pen := "M"
	for i, us := range latenciesUS {
		if us == 0 {
			pen = "M"
			continue
		}
		fmt.Fprintf(&b, "%s%s %s", pen, c.x(i), c.y(us))
		if pen == "M" {
			b.WriteString("h0")
		}
		pen = "L"
	}
	return b.String()
}

// mark puts a snapshot on the curve, at the request that it serves next.
func (c curve) mark(e kvstore.Entry, latenciesUS []float64) mark {
	slot := min(e.RequestNumber, len(latenciesUS)-1)
	return mark{
		X:     c.x(slot),
		Y:     c.y(latenciesUS[slot]),
		Title: fmt.Sprintf("%s after request %d", shortID(e.ID), e.RequestNumber),
	}
}

func (c curve) x(slot int) string {
	return fmt.Sprintf("%.1f", (float64(slot)+0.5)*float64(c.Width)/float64(c.Slots))
}

func (c curve) y(us float64) string {
	if c.MaxMS == 0 {
		return fmt.Sprint(c.Height)
	}
	room := float64(c.Height - curveMargin)
	return fmt.Sprintf("%.1f", float64(c.Height)-us/1000/c.MaxMS*room)
}
