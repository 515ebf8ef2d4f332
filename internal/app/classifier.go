package app

import (
	"fmt"
	"os"

	"github.com/zhunxin/zhunxin/internal/classify"
)

// RulebookTrainClassifier trains the classifier of PORT-05a and CNT-05.
type RulebookTrainClassifier struct {
	Files []string `arg:"" optional:"" type:"existingfile" help:"Labelled texts: CSV that begins with template,category,text, or JSON objects with these names, one a line. Without any, the synthetic ones that the program carries."`
	Out   string   `type:"path" help:"Where to write the model; without it, only the figures are printed."`
}

// Run prints how well models do on templates that they have not seen, and writes the model of
// all samples.
func (c *RulebookTrainClassifier) Run() error {
	samples, err := c.samples()
	if err != nil {
		return err
	}
	r := classify.Validate(samples)
	fmt.Printf("%d texts; in each of %d rounds, one part of the templates is read by a model of the others\n", len(samples), classify.Folds)
	fmt.Println("class   templates  texts  precision  recall  read like marketing (30–60, from 70)")
	for i, class := range classify.Classes {
		fmt.Printf("%-7s %9d %6d %9.1f%% %6.1f%%  %d, %d\n", class, r.Template[i], r.Texts[i], r.Precision(i), r.Recall(i), r.Held[i][0], r.Held[i][1])
	}
	if c.Out == "" {
		return nil
	}
	return os.WriteFile(c.Out, classify.Train(samples).Marshal(), 0o644) //nolint:gosec // no secret
}

func (c *RulebookTrainClassifier) samples() ([]classify.Sample, error) {
	if len(c.Files) == 0 {
		return classify.Corpus()
	}
	var out []classify.Sample
	for _, name := range c.Files {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		list, err := classify.ReadSamples(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, list...)
	}
	return out, nil
}
