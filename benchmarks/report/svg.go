package report

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
)

// svgFont is the font that figures are laid out for.
const svgFont = "font-family:Liberation Sans"

// withFonts makes an SVG look alike wherever it is shown. Its font is named
// without a substitute, and most systems do not have it: those that can take
// its place are added, and each text is told how wide it has to be, for a
// wider font would run labels into each other.
func withFonts(svg []byte) []byte {
	texts := regexp.MustCompile(`(?s)<text ([^>]*)>([^<]*)</text>`)
	svg = texts.ReplaceAllFunc(svg, func(element []byte) []byte {
		part := texts.FindSubmatch(element)
		content := html.UnescapeString(string(part[2]))
		width := textWidth(string(part[1]), content)
		if width <= 0 {
			return element
		}
		return fmt.Appendf(nil, `<text textLength="%.2f" lengthAdjust="spacingAndGlyphs" %s>%s</text>`, width, part[1], part[2])
	})
	return bytes.ReplaceAll(svg, []byte(svgFont), []byte(svgFont+",Arimo,Arial,Helvetica,sans-serif"))
}

// textWidth is the width of a text with some attributes, in points; 0 if there
// is nothing to see of it.
func textWidth(attributes, content string) float64 {
	size := regexp.MustCompile(`font-size:([0-9.]+)px`).FindStringSubmatch(attributes)
	if size == nil || strings.TrimSpace(content) == "" {
		return 0
	}
	points, err := strconv.ParseFloat(size[1], 64)
	if err != nil {
		return 0
	}
	style := text.Style{Font: regular(points), Handler: plot.DefaultTextHandler}
	if strings.Contains(attributes, "font-weight:bold") {
		style.Font = bold(points)
	}
	return style.Width(content).Points()
}
