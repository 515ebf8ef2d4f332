package rulebook

import (
	"fmt"
	"slices"
)

// Kinds of measures that a rule about what parties do may ask for, from the mildest.
const (
	MeasureRemind  = "remind"
	MeasureSlow    = "slow"
	MeasureHold    = "hold"
	MeasureSuspend = "suspend"
	MeasureClose   = "close"
)

// Asked is the measure that a rule about what parties do asks for.
type Asked struct {
	Kind string `yaml:"kind" json:"kind"`
	// Strike is how a violation of the rule counts on the ladder of CMP-10.
	Strike string `yaml:"strike,omitempty" json:"strike,omitempty"` // general | serious | major
	// Pace names the parameter with the messages in a minute of what is slowed down.
	Pace string `yaml:"pace,omitempty" json:"pace,omitempty"`
}

// watched are the objects whose rules ask for measures.
var watched = []string{ObjectTraffic, ObjectComplaints, ObjectStrikes, ObjectHour}

// outcomes of the measures: what a finding of the rule is called.
var measureOutcomes = map[string]string{MeasureRemind: Warn, MeasureSlow: Warn, MeasureHold: Hold, MeasureSuspend: Block, MeasureClose: Block}

// usualMeasures are those of rules that name none.
var usualMeasures = map[string]string{Warn: MeasureRemind, Hold: MeasureHold, Block: MeasureSuspend}

func (r *Rule) checkMeasure() error {
	m := r.Measure
	if m == nil {
		return nil
	}
	_, pace := r.Params[m.Pace]
	switch {
	case r.Kind != KindObject || !slices.Contains(watched, r.Object):
		return fmt.Errorf("measure is of rules about %v", watched)
	case measureOutcomes[m.Kind] == "":
		return fmt.Errorf("measure: kind %q is not remind, slow, hold, suspend or close", m.Kind)
	case measureOutcomes[m.Kind] != r.Outcome:
		return fmt.Errorf("measure: %s goes with the outcome %s", m.Kind, measureOutcomes[m.Kind])
	case !slices.Contains([]string{"", "general", "serious", "major"}, m.Strike):
		return fmt.Errorf("measure: strike %q is not general, serious or major", m.Strike)
	case (m.Kind == MeasureSlow) != pace || !pace && m.Pace != "":
		return fmt.Errorf("measure: slow, and no other, names the parameter of its pace")
	case pace && r.Params[m.Pace].Value < 1:
		return fmt.Errorf("measure: the pace is at least one message in a minute")
	}
	return nil
}

// MeasureOf is what a rule about what parties do asks for, with the messages in a minute of a
// slow-down.
func (r *Rule) MeasureOf() (m Asked, pace int64) {
	if r.Measure == nil {
		return Asked{Kind: usualMeasures[r.Outcome]}, 0
	}
	return *r.Measure, r.pace()
}

func (r *Rule) pace() int64 { return r.Params[r.Measure.Pace].Value }
