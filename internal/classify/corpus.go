package classify

import (
	"bytes"
	"embed"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/zhunxin/zhunxin/internal/lexicon"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Sample is a text of which the class is known.
type Sample struct {
	Template string       `json:"template"` // texts of one template are never on both sides of a test
	Category sms.Category `json:"category"`
	Text     string       `json:"text"`

	class  int
	folded string
}

// Limits of training material.
const (
	MaxSampleBytes = 64 << 20
	maxText        = 4000
	variants       = 6 // texts that are made of a template with slots
)

//go:embed corpus/*.csv
var corpus embed.FS

// Corpus is the material that was written for this product, filled in. It is synthetic: no
// message that anybody has sent is in it.
func Corpus() ([]Sample, error) {
	var out []Sample
	slots, err := readSlots()
	if err != nil {
		return nil, err
	}
	for _, c := range Classes {
		b, err := corpus.ReadFile("corpus/" + strings.ToLower(string(c)) + ".csv")
		if err != nil {
			return nil, err
		}
		list, err := ReadSamples(b)
		if err != nil {
			return nil, fmt.Errorf("corpus of %s: %w", c, err)
		}
		for i := range list {
			for v := range variants {
				s := list[i]
				s.Text = fill(s.Text, slots, 7*i+v)
				s.folded = lexicon.Fold(s.Text)
				out = append(out, s)
			}
		}
	}
	return out, nil
}

func readSlots() (map[string][]string, error) {
	b, err := corpus.ReadFile("corpus/slots.csv")
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("slots of the corpus: %w", err)
	}
	out := map[string][]string{}
	for _, r := range rows[1:] {
		out[r[0]] = append(out[r[0]], r[1])
	}
	return out, nil
}

// fill puts values into {slots}, others for every turn.
func fill(text string, slots map[string][]string, turn int) string {
	for {
		from := strings.IndexByte(text, '{')
		to := strings.IndexByte(text, '}')
		if from < 0 || to < from {
			return text
		}
		values := slots[text[from+1:to]]
		if len(values) == 0 {
			return text
		}
		text = text[:from] + values[turn%len(values)] + text[to+1:]
		turn += 3
	}
}

// ReadSamples reads labelled texts: CSV with a first line of template,category,text, or
// JSON objects with these names, one a line. A CSV file never begins with a brace.
func ReadSamples(b []byte) ([]Sample, error) {
	if len(b) > MaxSampleBytes {
		return nil, fmt.Errorf("a file of samples has at most %d bytes", MaxSampleBytes)
	}
	read := readCSV
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
		read = readJSON
	}
	list, err := read(b)
	if err != nil {
		return nil, err
	}
	for i := range list {
		s := &list[i]
		s.class = slices.Index(Classes[:], s.Category)
		if s.class < 0 || s.Template == "" || s.Text == "" || len(s.Text) > maxText {
			return nil, fmt.Errorf("sample %d: it needs a template, a category of %v and a text of at most %d bytes", i+1, Classes, maxText)
		}
		s.folded = lexicon.Fold(s.Text)
	}
	return list, nil
}

func readCSV(b []byte) ([]Sample, error) {
	r := csv.NewReader(bytes.NewReader(b))
	r.FieldsPerRecord = 3
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the samples: %w", err)
	}
	if len(rows) == 0 || strings.Join(rows[0], ",") != "template,category,text" {
		return nil, errors.New("the first line of a CSV file of samples is template,category,text")
	}
	var out []Sample
	for _, row := range rows[1:] {
		out = append(out, Sample{Template: row[0], Category: sms.Category(row[1]), Text: row[2]})
	}
	return out, nil
}

func readJSON(b []byte) ([]Sample, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var out []Sample
	for {
		var s Sample
		switch err := d.Decode(&s); {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, fmt.Errorf("sample %d: %w", len(out)+1, err)
		}
		out = append(out, s)
	}
}
