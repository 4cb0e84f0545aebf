package resources

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
)

const (
	textLines = 5004
	// emptyLines is the part of the lines that hold nothing.
	emptyLines  = 0.106
	wordsALine  = 8
	vocabulary  = 4000
	punctuation = 0.15
)

// text writes the text of word-count: lines of made-up words, about 210 kB.
func text(path string) error {
	return os.WriteFile(path, []byte(prose(seeded("text"), textLines)), 0o644)
}

// prose is so many lines of words that are used as often as words of a
// language are: the k-th most frequent one 1/k times as often as the first.
func prose(rng *rand.Rand, lines int) string {
	words := newVocabulary(rng)
	var out strings.Builder
	for range lines {
		if rng.Float64() >= emptyLines {
			line(&out, rng, words)
		}
		out.WriteByte('\n')
	}
	return out.String()
}

func line(out *strings.Builder, rng *rand.Rand, words zipf) {
	for i := range wordsALine - 3 + rng.IntN(7) {
		if i > 0 {
			out.WriteByte(' ')
		}
		out.WriteString(words.draw(rng))
		if rng.Float64() < punctuation {
			out.WriteByte(",;.:!?"[rng.IntN(6)])
		}
	}
}

// zipf is words with the sums of their weights.
type zipf struct {
	words []string
	sums  []float64
}

func newVocabulary(rng *rand.Rand) zipf {
	var z zipf
	sum := 0.0
	for k := range vocabulary {
		z.words = append(z.words, word(rng, k))
		sum += 1 / float64(k+1)
		z.sums = append(z.sums, sum)
	}
	return z
}

// word makes a word of syllables; frequent words are short.
func word(rng *rand.Rand, rank int) string {
	var out strings.Builder
	for range 1 + rng.IntN(1+int(math.Log10(float64(rank+3)))) {
		out.WriteString([]string{"b", "d", "f", "gl", "k", "l", "m", "n", "pr", "s", "st", "t", "v", ""}[rng.IntN(14)])
		out.WriteString([]string{"a", "e", "i", "o", "u", "ei", "ou"}[rng.IntN(7)])
		out.WriteString([]string{"", "", "n", "r", "s", "t"}[rng.IntN(6)])
	}
	return out.String()
}

func (z zipf) draw(rng *rand.Rand) string {
	at, _ := slices.BinarySearch(z.sums, rng.Float64()*z.sums[len(z.sums)-1])
	return z.words[min(at, len(z.words)-1)]
}
