package rulebook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/lexicon"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// KindCampaign is of rules that judge a campaign as a whole, when it is made ready and again
// when it starts: what no single one of its messages shows.
const KindCampaign = "campaign"

// objectCampaign is what they judge.
const objectCampaign = "campaign"

var campaignFacts = []Info{
	{Name: "campaign.category", Lawful: "MKT", Doc: "MKT, NOTICE or PUBLIC, as its template has it"},
	{Name: "campaign.declared", Lawful: true, Doc: "somebody declares what it rests on: name, code, handler and words are there"},
	{Name: "campaign.own_code", Lawful: true, Doc: "the code in the declaration is the sender's"},
	{Name: "campaign.bundle", Lawful: true, Doc: "it names lists of consents that were reviewed, or registered wordings, as the evidence of its consents"},
	{Name: "campaign.unconsented_percent", Lawful: int64(0), Doc: "of a random sample of its recipients, those without a consent in force"},
	{Name: "campaign.profiled", Lawful: false, Doc: "its recipients were chosen by automated decision-making"},
	{Name: "campaign.note", Lawful: false, Doc: "it says how they are told of that"},
	{Name: "campaign.refusal", Lawful: true, Doc: "its text says how to refuse"},
	{Name: "campaign.rows", Lawful: int64(1000), Doc: "recipients, without the rows that have a fault"},
	{Name: "campaign.faulty_percent", Lawful: int64(0), Doc: "of all rows, those with a fault"},
	{Name: "campaign.consecutive_percent", Lawful: int64(0), Doc: "of its numbers, those with a neighbour among them"},
	{Name: "campaign.earlier", Lawful: int64(1), Doc: "campaigns of the sender that came to their end before"},
}

// CampaignClaim is what is known of a campaign.
type CampaignClaim struct {
	Category    sms.Category `yaml:"category"`
	Text        string       `yaml:"text"` // as its messages read, signature included, with sample values in place of variables
	Name        string       `yaml:"name"` // the sender's registered name
	Entity      string       `yaml:"entity"`
	Declared    bool         `yaml:"declared"`
	OwnCode     bool         `yaml:"own_code"`
	Bundle      bool         `yaml:"bundle"`
	Unconsented int          `yaml:"unconsented"` // percent
	Profiled    bool         `yaml:"profiled"`
	Note        bool         `yaml:"note"`
	Rows        int          `yaml:"rows"`
	Faulty      int          `yaml:"faulty"`      // percent
	Consecutive int          `yaml:"consecutive"` // percent
	Earlier     int          `yaml:"earlier"`
}

// JudgeCampaign says what stands against a campaign: as a campaign, and against its text, which
// is judged here once for all of its messages.
func (b *Book) JudgeCampaign(c *CampaignClaim, at time.Time) ([]Finding, error) {
	found, err := b.JudgeText(c.Category, c.Text, Sender{Registered: c.Name, Organ: slices.Contains(stateEntities, c.Entity)}, at)
	if err != nil {
		return nil, fmt.Errorf("read the text of the campaign: %w", err)
	}
	_, body, _ := lexicon.SplitSignature(c.Text)
	traits, _ := lexicon.Read(body, lexicon.Fold(body))
	_, refuses := b.OptOut(traits.Refusal)
	found = append(found, b.Judge(objectCampaign, map[string]any{
		"campaign.category": string(c.Category), "campaign.declared": c.Declared, "campaign.own_code": c.OwnCode, "campaign.bundle": c.Bundle,
		"campaign.unconsented_percent": int64(c.Unconsented), "campaign.profiled": c.Profiled, "campaign.note": c.Note, "campaign.refusal": refuses,
		"campaign.rows": int64(c.Rows), "campaign.faulty_percent": int64(c.Faulty), "campaign.consecutive_percent": int64(c.Consecutive), "campaign.earlier": int64(c.Earlier),
	}, at)...)
	b.Sort(found)
	return found, nil
}

// OfAll tells whether a rule that stands against one message of a campaign stands against all
// of them: it reads no recipient and no channel, and no text unless that is constant.
func (b *Book) OfAll(rule string, constant bool) bool {
	i := slices.IndexFunc(b.rules, func(c *compiled) bool { return c.ID == rule })
	if i < 0 || b.rules[i].stage != StageShared {
		return false
	}
	for name := range b.rules[i].reads {
		prefix, _, _ := strings.Cut(name, ".")
		varies := slices.Contains([]string{"text", "lex", "units"}, prefix) || name == factTable[TemplateLongest].Name
		if prefix == "call" || varies && !constant {
			return false
		}
	}
	return true
}

// takeCampaign says what a rule of this kind judges.
func (r *Rule) takeCampaign() {
	if r.Kind == KindCampaign && r.Object == "" {
		r.Object = objectCampaign
	}
}
