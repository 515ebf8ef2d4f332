package consent

import (
	"context"
	"crypto/sha256"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Limits of a wording.
const (
	MaxWordingRunes = 1000
	MaxWordings     = 500 // of one content provider group
	maxDays         = 3650
	maxPerWeek      = 50
)

// Wording is what people are asked to agree to: kind, frequency and period of the
// messages, and where the privacy notice is. It never changes once somebody has agreed.
// Order 31 Art. 18, PIPL Art. 17.
type Wording struct {
	ID            sms.ID
	GroupID       sms.ID
	PartyID       sms.ID
	Text          string // exactly what is shown
	Purpose       sms.Category
	Kinds         string // what kinds of messages, as people are told
	Types         string // the same as ContentKinds, comma-separated; nothing is promotion
	PerWeek       int    // messages in 7 days at most
	Days          int    // for which a consent holds
	Notice        string // address of the privacy notice
	NoticeVersion string
	Since         int64 // when it came into use, which may be before it was registered
	CreatedAt     int64
	UsedAt        int64 // by the first consent, or page that showed it, 0 before
	Page          bool  // the platform serves a page on which people agree to it
}

// Hash is what a consent's evidence says of the text.
func (w *Wording) Hash() [32]byte { return sha256.Sum256([]byte(w.Text)) }

func (w *Wording) types() []string {
	if w.Types == "" {
		return nil
	}
	return strings.Split(w.Types, ",")
}

// Until is when a consent that was given at a moment ends.
func (w *Wording) Until(given int64) int64 {
	return given + int64(w.Days)*(24*time.Hour).Milliseconds()
}

// Check tells what a wording lacks.
func (w *Wording) Check() error {
	u, err := url.Parse(w.Notice)
	switch {
	case !utf8.ValidString(w.Text) || strings.ContainsRune(w.Text, 0) || strings.TrimSpace(w.Text) == "" || utf8.RuneCountInString(w.Text) > MaxWordingRunes:
		return sms.Errorf(sms.BadRequest, "text", "it is what people are shown, of at most %d characters", MaxWordingRunes)
	case w.Purpose != sms.MKT:
		return sms.Errorf(sms.BadRequest, "purpose", "consent is kept for MKT; other categories need none here")
	case strings.TrimSpace(w.Kinds) == "" || len(w.Kinds) > 600:
		return sms.Errorf(sms.BadRequest, "kinds", "say in at most 200 characters what kinds of messages will come (CNS-05)")
	case w.Types != "" && checkKinds("types", w.types()) != nil:
		return checkKinds("types", w.types())
	case w.PerWeek < 1 || w.PerWeek > maxPerWeek:
		return sms.Errorf(sms.BadRequest, "per_week", "say how many messages will come in 7 days at most, 1 to %d (CNS-05)", maxPerWeek)
	case w.Days < 1 || w.Days > maxDays:
		return sms.Errorf(sms.BadRequest, "days", "say for how many days the consent holds, 1 to %d (CNS-05)", maxDays)
	case err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(w.Notice) > 500:
		return sms.Errorf(sms.BadRequest, "notice", "it is the https address of the privacy notice, of at most 500 bytes (PRV-18)")
	case w.NoticeVersion == "" || len(w.NoticeVersion) > 50:
		return sms.Errorf(sms.BadRequest, "notice_version", "it names the notice's version in at most 50 bytes (PRV-18)")
	}
	return nil
}

// WordingTx is what the keeping of wordings needs of a transaction.
type WordingTx interface {
	InsertWording(ctx context.Context, w Wording) error
	ChangeWording(ctx context.Context, w Wording) (bool, error)
	UseWording(ctx context.Context, id, group sms.ID, at int64) (*Wording, error)
	Wording(ctx context.Context, id sms.ID) (*Wording, error)
	Wordings(ctx context.Context, group sms.ID) ([]Wording, error)
	PageOfWording(ctx context.Context, id sms.ID, open bool) error
	recordKeeper
}

// PutWording stores a wording, a new one or one that nobody has agreed to yet.
func PutWording(ctx context.Context, tx WordingTx, record Recorder, w *Wording, fresh bool, at int64) error {
	if err := w.Check(); err != nil {
		return err
	}
	if w.Since == 0 {
		w.Since = at
	}
	if w.Since > at {
		return sms.Errorf(sms.BadRequest, "since", "it is in the future")
	}
	if fresh {
		list, err := tx.Wordings(ctx, w.GroupID)
		if err != nil {
			return err
		}
		if len(list) >= MaxWordings {
			return sms.Errorf(sms.BadRequest, "", "there are %d wordings, the most is %d; change one that nobody has agreed to", len(list), MaxWordings)
		}
		w.CreatedAt, w.UsedAt = at, 0
		if err := tx.InsertWording(ctx, *w); err != nil {
			return err
		}
		return note(ctx, tx, record, at, WordingRecord(w, at))
	}
	old, err := tx.Wording(ctx, w.ID)
	if err != nil {
		return err
	}
	if old == nil || old.GroupID != w.GroupID {
		return noWording("path.id")
	}
	w.CreatedAt, w.Page = old.CreatedAt, old.Page
	if ok, err := tx.ChangeWording(ctx, *w); err != nil || !ok {
		if err == nil {
			err = sms.Errorf(sms.WordingUsed, "path.id", "")
		}
		return err
	}
	return note(ctx, tx, record, at, WordingRecord(w, at))
}

// OpenPage opens or closes a wording's page.
func OpenPage(ctx context.Context, tx WordingTx, id, group sms.ID, open bool) (*Wording, error) {
	w, err := tx.Wording(ctx, id)
	if err != nil {
		return nil, err
	}
	if w == nil || w.GroupID != group {
		return nil, noWording("path.id")
	}
	w.Page = open
	return w, tx.PageOfWording(ctx, id, open)
}

func noWording(field string) error {
	return sms.Errorf(sms.NotFound, field, "no wording of yours has this id")
}

type recordKeeper interface {
	PutRecord(ctx context.Context, r leaf.Record, leafID sms.ID, pos int) error
}

// note writes records of one kind whose rows are nowhere else, with their evidence.
func note(ctx context.Context, tx recordKeeper, record Recorder, at int64, records ...leaf.Record) error {
	if len(records) == 0 {
		return nil
	}
	hashes := make([][32]byte, len(records))
	for i := range records {
		if err := records[i].Check(); err != nil {
			return err
		}
		hashes[i] = records[i].Hash()
	}
	id, err := record(ctx, records[0].Kind, at, hashes)
	if err != nil {
		return err
	}
	for i := range records {
		if err := tx.PutRecord(ctx, records[i], id, i); err != nil {
			return err
		}
	}
	return nil
}

// Age bands, as far as the law tells them apart. PIPL Art. 31.
const Under14 = "UNDER_14"

// Statement is what a customer says of consents that it records.
type Statement struct {
	Method          string
	Source          string
	Wording         *Wording // registered, or nil
	PerWeek         int      // 0 takes the wording's
	Kinds           []string // ContentKinds; none takes the wording's, or promotion
	Sensitive       []string // classes of sensitive personal information that were agreed to separately
	GivenAt         int64
	ValidTo         int64 // 0 takes the wording's
	SeparateConsent bool
	RecipientNamed  bool
	AgeBand         string
	Guardian        bool
}

// Judge says what stands against recording it at a moment, and completes what it leaves to
// its wording (CNS-05).
func (s *Statement) Judge(book *rulebook.Book, now time.Time) []rulebook.Finding {
	c := rulebook.ConsentClaim{
		Method: s.Method, Source: s.Source, Future: s.GivenAt > now.UnixMilli(), SeparateConsent: s.SeparateConsent, RecipientNamed: s.RecipientNamed,
		Under14: s.AgeBand == Under14, Guardian: s.Guardian,
	}
	if w := s.Wording; w != nil {
		if s.PerWeek == 0 {
			s.PerWeek = w.PerWeek
		}
		if len(s.Kinds) == 0 {
			s.Kinds = w.types()
		}
		c.OverKinds = w.lacks(s.Kinds)
		if s.ValidTo == 0 {
			s.ValidTo = w.Until(s.GivenAt)
		}
		c.BeforeWording, c.OverFrequency, c.OverPeriod = s.GivenAt < w.Since, s.PerWeek > w.PerWeek, s.ValidTo > w.Until(s.GivenAt)
	}
	return book.JudgeConsent(&c, now)
}

// lacks tells whether the words ask for less than some kinds.
func (w *Wording) lacks(kinds []string) bool {
	asked := w.types()
	if len(asked) == 0 {
		asked = []string{Promotion}
	}
	return slices.ContainsFunc(kinds, func(k string) bool { return !slices.Contains(asked, k) })
}

// Claims are what was stated besides, as they stand in the evidence.
func (s *Statement) Claims() string {
	var out []string
	for _, c := range []struct {
		said bool
		name string
	}{
		{s.AgeBand != "", "age=" + s.AgeBand},
		{s.Guardian, "guardian"},
		{len(s.Kinds) > 0, claimKinds + strings.Join(s.Kinds, "+")},
		{s.RecipientNamed, "recipient_named"},
		{len(s.Sensitive) > 0, claimClasses + strings.Join(s.Sensitive, "+")},
		{s.SeparateConsent, "separate_consent"},
	} {
		if c.said {
			out = append(out, c.name)
		}
	}
	return strings.Join(out, ",")
}

// Grant is the statement as a consent of one person.
func (s *Statement) Grant(id sms.ID, phone [16]byte, group sms.ID, grade Grade) Grant {
	g := Grant{
		ID: id, PhoneID: phone, GroupID: group, Purpose: sms.MKT, Grade: grade, Method: s.Method, Source: s.Source, Claims: s.Claims(),
		PerWeek: s.PerWeek, ValidFrom: s.GivenAt, ValidTo: s.ValidTo,
	}
	if s.Wording != nil {
		g.Wording, g.TextHash = strconv.FormatInt(int64(s.Wording.ID), 10), s.Wording.Hash()
	}
	return g
}
