package rulebook

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// KindDuty is of rules that say what somebody must do, by when, once something has happened.
const KindDuty = "duty"

// Events from which duties arise.
const (
	EventComplaint       = "complaint.received"
	EventComplaintCount  = "complaint.counted"
	EventComplaintClosed = "complaint.closed"
	EventRestricted      = "party.restricted"
	EventRequest         = "request.received"
	EventRequestLocked   = "request.locked"
	EventLicence         = "licence.held"
	EventYear            = "year.begins"
	EventMonth           = "month.begins"
	EventWeek            = "channel.week"
	EventAgent           = "agent.supervised"
	EventPeople          = "people.counted"
	EventChange          = "licence.change"
	EventIncident        = "incident.opened"
	EventAuthority       = "authority.asked"
	EventLead            = "lead.found"
	EventContent         = "content.found"
	EventPrice           = "price.entered"
)

// Actions that an open duty may stand in the way of.
const (
	CloseComplaint = "complaint.close"
	CloseIncident  = "incident.close"
)

// blocked are the actions that a duty of an event may stand in the way of.
var blocked = map[string]string{EventComplaint: CloseComplaint, EventIncident: CloseIncident}

// Steps that end duties by what they do.
const (
	StepAnswered  = "complaint.answered" // the complainant or the centre was told
	StepFile      = "complaint.file"     // the case has its file
	StepLocked    = "request.locked"     // what is a person's is only stored from here on
	StepSettled   = "request.settled"    // the request was answered, or refused with reasons
	StepAgent     = "agent.answered"     // the agent's questionnaire is on file
	StepRefused   = "channel.refused"    // a reply that came by the channel refused marketing at once
	StepContained = "incident.contained" // and the person in charge knows
	StepReported  = "incident.reported"  // the authority was told
	StepTold      = "incident.told"      // the people who are affected were told
	StepClosed    = "incident.closed"    // with the reason for which the rest is not owed
)

// steps are those that may end a duty of an event.
var steps = map[string][]string{
	EventComplaint:     {StepAnswered, StepFile},
	EventRequest:       {StepLocked, StepSettled},
	EventRequestLocked: {StepSettled},
	EventAgent:         {StepAgent},
	EventWeek:          {StepRefused},
	EventIncident:      {StepContained, StepReported, StepTold, StepClosed},
}

// event is what may be known of something that happened: Time is the fact that says when.
type event struct {
	Time  string
	Facts []Info
}

// eventFacts are the facts of each event, as objectFacts has those of objects.
var eventFacts = map[string]event{
	EventComplaint: {"complaint.received", []Info{
		{Name: "complaint.source", Lawful: "direct", Doc: "12321, carrier or direct"},
		{Name: "complaint.about", Lawful: "marketing", Doc: "marketing, content, personal (information) or service"},
	}},
	EventComplaintCount: {"rate.at", []Info{
		{Name: "rate.delivered", Lawful: int64(10_000_000), Doc: "messages of the party that were delivered in the month"},
		{Name: "rate.per_billion", Lawful: int64(0), Doc: "valid complaints of the month for 1,000 million delivered: 100 is 0.10 per million"},
		{Name: "rate.day", Lawful: int64(0), Doc: "valid complaints of the day"},
	}},
	EventComplaintClosed: {"complaint.closed", []Info{
		{Name: "complaint.held", Lawful: false, Doc: "a legal hold stands on the case"},
	}},
	EventRestricted: {"restriction.at", []Info{
		{Name: "restriction.of", Lawful: "marketing", Doc: "marketing or own_request"},
	}},
	EventRequest: {"request.received", []Info{
		{Name: "request.kind", Lawful: "access", Doc: "access, copy, correct or delete"},
		{Name: "request.settled", Lawful: false, Doc: "it was settled when it came"},
	}},
	EventRequestLocked: {"request.keep_until", []Info{
		{Name: "request.held", Lawful: false, Doc: "a legal hold stands, so that the day is not known"},
	}},
	EventLicence: {"licence.valid_to", []Info{
		{Name: "licence.active", Lawful: true, Doc: "it is in use, not revoked"},
	}},
	EventYear: {"year.eve", []Info{ // the day before the year: a period is counted from the day after
		{Name: "year.codes", Lawful: int64(1), Doc: "access codes of the operator in use"},
		{Name: "year.licences", Lawful: int64(1), Doc: "licences of the operator in force"},
		{Name: "year.customers", Lawful: int64(1), Doc: "active customers"},
	}},
	EventMonth: {"month.eve", []Info{
		{Name: "month.licences", Lawful: int64(1), Doc: "licences of the operator in force"},
	}},
	EventWeek: {"week.eve", []Info{
		{Name: "week.marketing", Lawful: true, Doc: "the channel may carry marketing"},
	}},
	EventAgent: {"agent.year_eve", []Info{
		{Name: "agent.active", Lawful: true, Doc: "the agent is active"},
	}},
	EventPeople: {"people.at", []Info{
		{Name: "people.numbers", Lawful: int64(0), Doc: "distinct numbers of which the platform keeps personal information"},
	}},
	EventChange: {"change.on", []Info{
		{Name: "change.of", Lawful: "entity", Doc: "entity, scope, cessation or address"},
	}},
	EventIncident: {"incident.found", []Info{
		{Name: "incident.personal", Lawful: true, Doc: "personal information leaked, was altered or lost"},
		{Name: "incident.large", Lawful: false, Doc: "of a larger class"},
		{Name: "incident.state", Lawful: false, Doc: "it may harm state security or the public interest"},
	}},
	EventAuthority: {"authority.asked", []Info{
		{Name: "authority.lawful", Lawful: true, Doc: "the papers that the law asks for are there"},
	}},
	EventLead: {"lead.found", []Info{
		{Name: "lead.fraud", Lawful: true, Doc: "it points to telecom or network fraud"},
	}},
	EventPrice: {"price.from", []Info{
		{Name: "price.usual_percent", Lawful: int64(100), Doc: "the price in per cent of the middle one of other accounts for this category and carrier; 100 when nobody else has one"},
		{Name: "price.cost_percent", Lawful: int64(120), Doc: "in per cent of what a segment costs on the cheapest channel to the carrier; 120 when no cost is entered"},
	}},
	EventContent: {"content.found", []Info{
		{Name: "content.illegal", Lawful: true, Doc: "the law forbids it to everybody, not only a channel"},
	}},
}

// Recorded are the events that a person of the staff tells of; the others the program sees itself.
var Recorded = []string{EventChange, EventAuthority, EventLead, EventContent}

// Duty is what a rule of the kind duty asks for.
type Duty struct {
	Event  string     `yaml:"event" json:"event"` // from which it arises
	Due    Due        `yaml:"due" json:"due"`
	Owner  string     `yaml:"owner" json:"owner"` // role whose people do it
	Remind []Duration `yaml:"remind,omitempty" json:"-"`
	Blocks string     `yaml:"blocks,omitempty" json:"blocks,omitempty"` // what may not happen while it is open
	Ended  []string   `yaml:"ended_by,omitempty" json:"ended_by,omitempty"`
}

// Due is a period and where it is counted from.
type Due struct {
	N      string `yaml:"n" json:"n"`       // the parameter that has its length
	Unit   string `yaml:"unit" json:"unit"` // hours | days | working_days | months
	From   string `yaml:"from" json:"from"` // fact of the event
	Before bool   `yaml:"before,omitempty" json:"before,omitempty"`
}

// roles are those of the registry's staff.
var roles = []string{"reviewer", "compliance", "finance"}

// takeDuty reads the fields that a duty names in its own words.
func (r *Rule) takeDuty() error {
	if r.Kind != KindDuty {
		if r.Duty != nil || r.When != "" || slices.ContainsFunc(r.Examples, func(e Example) bool { return e.Created || !e.Due.IsZero() }) {
			return fmt.Errorf("duty, when and created are of rules of the kind duty")
		}
		return nil
	}
	if r.Against != "" || r.Outcome != "" || r.Code != "" || slices.ContainsFunc(r.Examples, func(e Example) bool { return e.Stands }) {
		return fmt.Errorf("a duty has when and created in place of against and stands, and neither outcome nor code")
	}
	r.Against, r.Outcome = r.When, Report
	for i := range r.Examples {
		r.Examples[i].Stands = r.Examples[i].Created
	}
	return nil
}

func (r *Rule) checkDuty() error {
	d := r.Duty
	if d == nil {
		return fmt.Errorf("duty is missing: the event, the period and the owner")
	}
	e, ok := eventFacts[d.Event]
	_, param := r.Params[d.Due.N]
	switch {
	case !ok:
		return fmt.Errorf("event %q is none of %v", d.Event, slices.Sorted(maps.Keys(eventFacts)))
	case d.Due.From != e.Time:
		return fmt.Errorf("the period is counted from %q, and the event's time is %s", d.Due.From, e.Time)
	case !param:
		return fmt.Errorf("due: there is no parameter %q", d.Due.N)
	case !slices.Contains([]string{"hours", "days", "working_days", "months"}, d.Due.Unit):
		return fmt.Errorf("due: unit %q is not hours, days, working_days or months", d.Due.Unit)
	case d.Due.Before && d.Due.Unit != "days":
		return fmt.Errorf("due: only days are counted back")
	case !slices.Contains(roles, d.Owner):
		return fmt.Errorf("owner %q is none of %v", d.Owner, roles)
	case d.Blocks != "" && d.Blocks != blocked[d.Event]:
		return fmt.Errorf("nothing is called %q that it could block", d.Blocks)
	case d.Blocks != "" && len(d.Ended) == 0:
		return fmt.Errorf("it blocks %s, and no step ends it", d.Blocks)
	case slices.ContainsFunc(d.Ended, func(s string) bool { return !slices.Contains(steps[d.Event], s) }):
		return fmt.Errorf("ended_by: the steps after %s are %v", d.Event, steps[d.Event])
	case r.Remedy.Zh == "" || r.Remedy.En == "":
		return fmt.Errorf("remedy, what is to be done, is needed in zh and en")
	case r.Object != "" || len(r.Proof) > 0 || len(r.Categories) > 0 || r.Hours != nil:
		return fmt.Errorf("a duty has no object, proof, categories and hours")
	}
	for _, x := range r.Examples {
		if x.Created != !x.Due.IsZero() || x.At.IsZero() {
			return fmt.Errorf("example %s: it needs at, the event's time, and due when the duty is created", x.Name)
		}
	}
	return r.checkExamples()
}

// addDuty compiles a duty.
func (b *Book) addDuty(r Rule) error {
	name := r.Duty.Event
	o := b.duties[name]
	if o == nil {
		var err error
		if o, err = newObject(eventFacts[name].Facts); err != nil {
			return fmt.Errorf("build the language of conditions: %w", err)
		}
		b.duties[name] = o
	}
	c, err := b.compile(o.env, slices.Sorted(maps.Keys(o.lawful)), r)
	if err == nil {
		o.rules = append(o.rules, c)
	}
	return err
}

// Owed is a duty that arises from an event.
type Owed struct {
	Rule  Rule
	Due   time.Time // the moment at which it is overdue
	Guess string    // why that is earlier than the law asks; "" when it is not
}

// Owed lists the duties that arise from something that happened at a moment. A duty whose
// condition can't be read is owed (P11).
func (b *Book) Owed(name string, values map[string]any, at, now time.Time) []Owed {
	o := b.duties[name]
	if o == nil {
		return nil
	}
	var out []Owed
	for _, c := range o.rules {
		if now.Before(c.From.Time) || !c.To.IsZero() && !now.Before(c.To.Time) {
			continue
		}
		v, _, err := c.prg.Eval(&objectActivation{values, c})
		if err == nil && v.Value() == false {
			continue
		}
		filled := c.Rule
		filled.Remedy = c.fill(c.Remedy)
		due, guess := b.due(&c.Rule, at)
		out = append(out, Owed{filled, due, guess})
	}
	return out
}

// due is where a period ends: after hours, or with the last of its days; the day from which
// it is counted is not counted. 《民法典》第二百零一条至第二百零三条, without the extension of
// Art. 203 over holidays: earlier is never late. Working days of a year that no pack has are
// taken for days, which ends too early and never too late; guess says so.
func (b *Book) due(r *Rule, at time.Time) (due time.Time, guess string) {
	d, n := &r.Duty.Due, int(r.Params[r.Duty.Due.N].Value)
	y, m, day := at.In(Shanghai).Date()
	midnight := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, Shanghai) }
	switch {
	case d.Unit == "hours":
		return at.Add(time.Duration(n) * time.Hour), ""
	case d.Before:
		return midnight(y, m, day-n), ""
	case d.Unit == "months":
		last := midnight(y, m+time.Month(n)+1, 0) // a month may lack the day: its last one then
		return midnight(y, m+time.Month(n), min(day, last.Day())+1), ""
	case d.Unit == "working_days":
		end, err := b.calendar.AddWorkdays(at, n)
		if err == nil {
			y, m, day = end.In(Shanghai).Date()
			return midnight(y, m, day+1), ""
		}
		guess = fmt.Sprintf("期限按自然日计算，早于法定期限：规则包缺节假日安排。Counted in days, which ends earlier than the law asks: %s", err)
	}
	return midnight(y, m, day+n+1), guess
}

// Rule reads one by its id.
func (b *Book) Rule(id string) (Rule, bool) {
	lists := [][]*compiled{b.rules, b.products}
	for _, judged := range []map[string]*object{b.objects, b.duties} {
		for _, o := range judged {
			lists = append(lists, o.rules)
		}
	}
	for _, list := range lists {
		if i := slices.IndexFunc(list, func(c *compiled) bool { return c.ID == id }); i >= 0 {
			return list[i].Rule, true
		}
	}
	return Rule{}, false
}

// EndedBy lists the duties that a step ends.
func (b *Book) EndedBy(step string) (ids []string) {
	for _, r := range b.Rules() {
		if r.Duty != nil && slices.Contains(r.Duty.Ended, step) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// Filled puts a rule's parameters into a text of its own.
func (r *Rule) Filled(t Both) Both { return (&compiled{Rule: *r}).fill(t) }

// NextReminder is when a duty that is open is told of next: before it is due as its rule
// says, and when it is; zero when all that lies behind.
func (b *Book) NextReminder(rule string, due, now time.Time) time.Time {
	next := due
	if r, ok := b.Rule(rule); ok && r.Duty != nil {
		for _, span := range r.Duty.Remind {
			if t := due.Add(-time.Duration(span)); t.After(now) && t.Before(next) {
				next = t
			}
		}
	}
	if !next.After(now) {
		return time.Time{}
	}
	return next
}

// EventFacts are those of an event, with what is said of it; an unknown name or another type
// is an error.
func (b *Book) EventFacts(name string, values map[string]any) (map[string]any, error) {
	return known(b.duties[name], name, values)
}

// owes tells when an example's duty is due, zero when none arises.
func (b *Book) owes(c *compiled, e *Example) (time.Time, error) {
	facts, err := b.EventFacts(c.Duty.Event, e.Facts)
	if err != nil {
		return time.Time{}, err
	}
	for _, o := range b.Owed(c.Duty.Event, facts, e.At.Time, e.At.Time) {
		if o.Rule.ID == c.ID {
			return o.Due, nil
		}
	}
	return time.Time{}, nil
}
