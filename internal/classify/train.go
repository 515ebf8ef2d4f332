package classify

import "math"

// How a model is trained.
const (
	passes  = 30   // over the samples
	step    = 2.0  // of the first pass
	slowing = 0.15 // of the steps from pass to pass
	shrink  = 2e-4 // what pulls weights to zero
)

// Train fits a model to samples. The same samples give the same model.
func Train(samples []Sample) *Model {
	t := trainer{weights: make([][classes]float64, buckets)}
	texts := make([][]uint32, len(samples))
	for i := range samples {
		each(samples[i].folded, func(b uint32) { texts[i] = append(texts[i], b) })
	}
	order := make([]int, len(samples))
	for i := range order {
		order[i] = i
	}
	seed := uint64(1)
	for pass := range passes {
		for i := len(order) - 1; i > 0; i-- {
			seed = seed*6364136223846793005 + 1442695040888963407
			j := int((seed >> 33) % uint64(i+1)) //nolint:gosec // an index
			order[i], order[j] = order[j], order[i]
		}
		rate := step / (1 + float64(slowing*float64(pass)))
		for _, i := range order {
			t.learn(texts[i], samples[i].class, rate)
		}
	}
	return t.model()
}

// trainer is a multinomial logistic regression by gradient descent. Products are rounded
// before they are added (float64(…)), so that no machine fuses the two.
type trainer struct {
	bias    Scores
	weights [][classes]float64
}

func (t *trainer) learn(text []uint32, class int, rate float64) {
	k := norm(len(text))
	s := t.bias
	for _, b := range text {
		for c := range s {
			s[c] += float64(t.weights[b][c] * k)
		}
	}
	s.softmax()
	for c := range s {
		gradient := -s[c]
		if c == class {
			gradient++
		}
		t.bias[c] += float64(rate * gradient * 0.1)
		move := float64(rate * gradient * k)
		for _, b := range text {
			w := &t.weights[b][c]
			*w = float64(*w*(1-shrink)) + move
		}
	}
}

func (t *trainer) model() *Model {
	m := &Model{}
	for c := range t.bias {
		m.bias[c] = stored(t.bias[c])
	}
	for b := range t.weights {
		for c, w := range t.weights[b] {
			m.weights[b][c] = stored(w)
		}
	}
	return m
}

func stored(w float64) int16 {
	return int16(max(math.MinInt16, min(math.MaxInt16, math.Round(w*scale))))
}

// Folds is into how many parts Validate divides the templates.
const Folds = 5

// Report tells how well models do on templates that they have not seen.
type Report struct {
	Texts    [classes]int
	Told     [classes][classes]int // texts of a class that were told as another
	Held     [classes][2]int       // texts of which PORT-05a says that they may be marketing, and CNT-05 that they are
	Template [classes]int          // how many there are
}

// Validate trains Folds models, each without the templates of one part, and has it read
// those. All texts of a template are in one part.
func Validate(samples []Sample) Report {
	var r Report
	seen := map[string]bool{}
	for i := range samples {
		s := &samples[i]
		if !seen[s.Template] {
			seen[s.Template] = true
			r.Template[s.class]++
		}
	}
	for fold := range Folds {
		var train, rest []Sample
		for _, s := range samples {
			if part(s.Template) == fold {
				rest = append(rest, s)
			} else {
				train = append(train, s)
			}
		}
		m := Train(train)
		for _, s := range rest {
			score := m.Score(s.folded)
			r.Texts[s.class]++
			r.Told[s.class][score.Best()]++
			switch p := score.Promotion(); {
			case p >= 70:
				r.Held[s.class][1]++
			case p >= 30:
				r.Held[s.class][0]++
			}
		}
	}
	return r
}

// part is the part of the samples in which a template is.
func part(template string) int {
	h := uint32(2166136261)
	for i := range len(template) {
		h = (h ^ uint32(template[i])) * 16777619
	}
	return int((h ^ h>>16) % Folds)
}

// Precision and recall of a class, in per cent.
func (r *Report) Precision(class int) float64 {
	all := 0
	for c := range r.Told {
		all += r.Told[c][class]
	}
	return 100 * float64(r.Told[class][class]) / float64(max(all, 1))
}

// Recall is the share of a class's texts that were told as it, in per cent.
func (r *Report) Recall(class int) float64 {
	return 100 * float64(r.Told[class][class]) / float64(max(r.Texts[class], 1))
}
