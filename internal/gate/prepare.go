package gate

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/lexicon"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/routing"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// job is a call on its way through a batch, with everything about it that needs
// no lock: done before the transaction, and again only if the registry moved.
type job struct {
	call     *Call
	redo     []*sms.Message // messages decided anew; then call is made of them
	review   bool           // a person has approved it
	approved *approval      // what a person said of it before, if anything
	payload  [32]byte
	done     func(outcome)

	*law     // that it was prepared under; nil before
	app      *registry.Application
	party    *registry.Party
	accounts []*registry.Account
	parts    []*part
	err      error    // against the whole call
	against  sms.Code // against messages that are decided anew: they must not wait on
	phones   [][16]byte

	numbers, consecutive int // distinct numbers, and percent of them with a neighbour; 0 and 0 without any
}

type outcome struct {
	answer Answer
	err    error
}

type part struct {
	job        *job
	text       string
	body       string
	signature  *registry.Signature
	template   *registry.ApprovedWording
	category   sms.Category
	traits     lexicon.Traits // of the body
	words      []lexicon.Hit  // that it and the signature hold
	name       string         // the signature in front of it
	values     inVariables    // of the template
	contacts   []lexicon.Mark // links and telephones of the body
	promotion  int            // how much the body reads like marketing
	brackets   bool           // the text begins with one pair of 【】 and holds no other
	rivals     int            // that it names and its template does not
	named      bool           // it holds the party's registered name
	length     int            // of the text in UTF-16 code units
	units      int
	segments   int
	splits     []int // segments under each of the channels' own splittings, 0 where it does not fit
	content    [16]byte
	recipients []recipient
	province   sms.Province // of one of them; no channel tells theirs apart
	*shared                 // with every part of the batch that is alike
}

// kind is what kind of content the text is: the template's, or promotion.
func (p *part) kind() string {
	if p.template != nil && p.template.Template.Kind != "" {
		return p.template.Template.Kind
	}
	return consent.Promotion
}

type recipient struct {
	Recipient
	phone    [16]byte
	prefix   sms.Carrier  // whose number it is
	carrier  sms.Carrier  // whose network it is in now
	at       int          // its place among the recipients of the call
	province sms.Province // of its segment
	old      *sms.Message
	sealed   *sealed // ahead of the transaction, nil when it is still to be done
}

func (g *Gate) prepare(j *job, l *law, now time.Time) {
	snap := l.snap
	j.law, j.err, j.against, j.parts, j.phones = l, nil, "", nil, j.phones[:0]
	at := now.UnixMilli()
	j.app = snap.Application[j.call.Application]
	if j.app == nil {
		j.err = sms.Errorf(sms.NotFound, "application", "no application has this id")
		return
	}
	if len(j.redo) == 0 && j.call.SendAt.After(now.Add(sms.MaxAhead)) {
		last := now.Add(sms.MaxAhead).Format(time.RFC3339)
		j.err = sms.Errorf(sms.SendAtTooFar, "send_at", "the latest is %s", last).Chinese("最晚为 %s", last)
		return
	}
	j.party = snap.Party[j.app.PartyID]
	j.accounts = snap.Accounts(j.app.AccountID)
	if err := g.standing(j); err != nil {
		if len(j.redo) == 0 || j.party == nil || len(j.accounts) == 0 {
			j.err = err
			return
		}
		j.against = sms.PartyFrozen
	}
	if len(j.redo) == 0 && j.call.Chunk == nil { // a campaign is judged as a whole (CNS-13a)
		j.numbers, j.consecutive = consecutive(j.call)
	}
	for i := range j.call.Parts {
		p, err := g.preparePart(j, &j.call.Parts[i], at)
		if err != nil {
			j.err = err
			return
		}
		j.parts = append(j.parts, p.byProvince()...)
	}
}

// ended tells whether a template that was found ahead holds no longer.
func (j *job) ended(at int64) bool {
	for _, p := range j.parts {
		if p.template != nil && !p.template.Version.Holds(at) {
			return true
		}
	}
	return false
}

// standing refuses whoever is frozen or closed, before any rule.
func (g *Gate) standing(j *job) error {
	if j.party == nil || len(j.accounts) == 0 {
		return sms.Errorf(sms.NotFound, "application", "its party or account is missing")
	}
	if j.app.State != registry.Active {
		return sms.Errorf(sms.PartyFrozen, "application", "it is %s", j.app.State)
	}
	for _, p := range j.snap.Chain(j.party.ID) {
		if p.State != registry.Active {
			return sms.Errorf(sms.PartyFrozen, "party "+p.ID.String(), "it is %s", p.State)
		}
	}
	for _, a := range j.accounts {
		if a.State != registry.Active {
			return sms.Errorf(sms.PartyFrozen, "account "+a.ID.String(), "it is %s", a.State)
		}
	}
	return nil
}

func (g *Gate) preparePart(j *job, in *Part, at int64) (*part, error) {
	if in.Text != "" && strings.TrimSpace(in.Text) == "" {
		return nil, sms.Errorf(sms.BadText, "text", "it holds spaces only").Chinese("只有空白字符")
	}
	p := &part{job: j, text: in.Text, length: smstext.Length(in.Text)}
	units, err := smstext.Units(in.Text)
	if err != nil {
		return nil, textError(err)
	}
	segments, err := smstext.Split(in.Text, 0)
	if err != nil {
		return nil, textError(err)
	}
	p.units, p.segments = units, len(segments)
	for _, split := range j.snap.Splittings() {
		n, err := split.Segments(in.Text)
		if err != nil {
			n = 0 // it does not fit: such a channel is not permitted
		}
		p.splits = append(p.splits, n)
	}
	name, body, brackets := lexicon.SplitSignature(in.Text)
	p.body, p.brackets = body, brackets
	p.named = j.party.Name != "" && strings.Contains(in.Text, j.party.Name)
	p.content = g.keys.ContentHash(body)
	read := j.readings.of(p.content, func() reading {
		folded := lexicon.Fold(body)
		traits, marks := lexicon.Read(body, folded)
		return reading{traits, j.book.Words(body, folded), marks, j.book.Promotion(folded)}
	})
	p.promotion, p.contacts = read.promotion, read.marks
	p.traits, p.words, p.name = read.traits, slices.Concat(read.words, j.book.SignatureWords(name)), name
	p.signature = j.snap.SignatureOf(j.party.ID, name)
	p.category = in.Category
	if in.Template != 0 {
		if w := j.snap.Wording(in.Template); w != nil && w.Template.PartyID == j.party.ID && w.Wording.Fits(body) && w.Version.Holds(at) &&
			(in.Category == "" || in.Category == w.Template.Category) {
			p.template = w
		}
	} else {
		p.template = j.snap.Match(j.party.ID, body, in.Category, at)
	}
	if p.template != nil && p.template.Template.State != registry.Active {
		p.template = nil
	}
	if p.template != nil {
		p.category = p.template.Template.Category
		p.values = valuesOf(p.template.Wording, body, read.marks)
	} else if p.category == "" {
		if p.category = in.Otherwise; p.category == "" {
			p.category = sms.MKT // what fits nothing is judged by the strictest rules
		}
	}
	if p.category.Commercial() {
		wording := ""
		if p.template != nil {
			wording = p.template.Version.Body
		}
		p.rivals = j.snap.RivalsIn(j.party, body, wording)
	}
	for i := range in.Recipients {
		r := recipient{Recipient: in.Recipients[i], phone: g.keys.PhoneID(in.Recipients[i].Number)}
		r.prefix, r.province, r.at = routing.CarrierOf(r.Number), j.segments.Province(r.Number), len(j.phones)
		if i < len(j.redo) {
			r.old = j.redo[i]
		}
		p.recipients = append(p.recipients, r)
		j.phones = append(j.phones, r.phone)
	}
	return p, nil
}

// textError gives a text that can't be sent its code.
func textError(err error) error {
	code := sms.BadText
	if errors.Is(err, smstext.ErrLong) {
		code = sms.TextTooLong
	}
	e := &sms.Error{Code: code, Field: "text", Detail: err.Error(), Cause: err}
	var char *smstext.RuneError
	switch {
	case errors.As(err, &char) && char.Rune == 0:
		return e.Chinese("第 %d 个字符（从 0 起）是控制字符 U+0000，请删去", char.At)
	case errors.As(err, &char):
		return e.Chinese("第 %d 个字符（从 0 起）是 U+FFFD 或不成对的代理项，原字符已丢失，请改正", char.At)
	case errors.Is(err, smstext.ErrEmpty):
		return e.Chinese("为空")
	case code == sms.TextTooLong:
		return e.Chinese("至多 %d 个字（UTF-16 码元）", smstext.MaxTextUnits)
	}
	return e
}
