// Package shortlink gives short addresses for pages of customers. A short address stands on a
// host of the customer's own filed domain, leads to a page of that same domain, and leads there
// for ever: whoever reads a message sees whose link it is, and what it led to can be proved
// (TPL-10). There is none per recipient: a link in a variable is refused.
package shortlink

import (
	"context"
	"crypto/rand"
	"math/big"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Bounds.
const (
	MaxDays   = 365
	MaxName   = 30   // characters
	MaxTarget = 1000 // bytes
	MaxLinks  = 1000 // that an application has at a time
)

// Link is a short address.
type Link struct {
	ID            sms.ID `db:"id" json:"id"`
	ApplicationID sms.ID `db:"application_id" json:"-"`
	Host          string `db:"host" json:"-"`
	Path          string `db:"path" json:"-"`
	Name          string `db:"name" json:"name,omitempty"`
	Target        string `db:"target" json:"target" doc:"where it leads; it can't be changed"`
	CreatedAt     int64  `db:"created_at" json:"created_at"`
	ExpiresAt     int64  `db:"expires_at" json:"expires_at"`
	RemovedAt     int64  `db:"removed_at" json:"removed_at,omitempty"`
	Views         int64  `db:"views" json:"views" doc:"how often it was followed, without programs that say they are some"`
	Sketch        []byte `db:"sketch" json:"-"`
}

// Address is what stands in a text.
func (l *Link) Address() string { return l.Host + "/" + l.Path }

// Visitors is about how many different visitors followed it.
func (l *Link) Visitors() int64 { return sketch(l.Sketch).count() }

// Live tells whether it leads anywhere at a moment.
func (l *Link) Live(at int64) bool { return l.RemovedAt == 0 && at < l.ExpiresAt }

// Tx is what the package needs of a transaction.
type Tx interface {
	evlog.RecordAdder
	Now(ctx context.Context) (time.Time, error)
	// PutShortLink stores a new link; false means that its address is taken.
	PutShortLink(ctx context.Context, l Link) (bool, error)
	// CountShortLinks counts an application's links that are neither removed nor expired.
	CountShortLinks(ctx context.Context, application sms.ID, at int64) (int, error)
	ShortLink(ctx context.Context, host, path string) (Link, bool, error)
	// Visit adds to what is counted of a link.
	Visit(ctx context.Context, id sms.ID, views int64, merge func(sketch []byte) []byte) error
}

// Order is what a link is asked for by.
type Order struct {
	Application, Key sms.ID // whose it is, and who asks
	Target, Name     string
	Days             int
}

// Create gives a page a short address for some days, and keeps evidence of where it leads.
func Create(ctx context.Context, tx Tx, snap *registry.Snapshot, ids *sms.IDs, o Order) (*Link, error) {
	switch {
	case o.Days < 1 || o.Days > MaxDays:
		return nil, sms.Errorf(sms.BadRequest, "days", "from 1 to %d", MaxDays)
	case utf8.RuneCountInString(o.Name) > MaxName:
		return nil, sms.Errorf(sms.BadRequest, "name", "the most is %d characters", MaxName)
	}
	to, err := Target(o.Target)
	if err != nil {
		return nil, err
	}
	host := snap.LinkHostFor(snap.Application[o.Application].PartyID, to.Hostname())
	if host == nil {
		return nil, sms.Errorf(sms.LinkForbidden, "target", "you have no filed domain for short links that %.100s is of: the operator registers one (PUT /v1/admin/link-hosts), and its host points here", to.Hostname())
	}
	now, err := tx.Now(ctx)
	if err != nil {
		return nil, err
	}
	n, err := tx.CountShortLinks(ctx, o.Application, now.UnixMilli())
	if err != nil {
		return nil, err
	}
	if n >= MaxLinks {
		return nil, sms.Errorf(sms.BadRequest, "target", "an application has at most %d short links at a time: remove some", MaxLinks)
	}
	l := Link{
		ID: ids.Next(), ApplicationID: o.Application, Host: host.Host, Name: o.Name, Target: to.String(), CreatedAt: now.UnixMilli(),
		ExpiresAt: now.AddDate(0, 0, o.Days).UnixMilli(), Sketch: []byte{},
	}
	for fresh := false; !fresh; {
		l.Path = code()
		if fresh, err = tx.PutShortLink(ctx, l); err != nil {
			return nil, err
		}
	}
	return &l, evlog.Append(ctx, tx, ids, l.CreatedAt, leaf.New("short_link", int64(l.ID), l.CreatedAt,
		leaf.Str("address", l.Address()), leaf.Int("by_key", int64(o.Key)), leaf.Int("expires_at", l.ExpiresAt), leaf.Str("target", l.Target)))
}

var mobile = regexp.MustCompile(`(?:^|[^0-9])(?:86)?1[3-9][0-9]{9}(?:[^0-9]|$)`)

// Target reads what a link is to lead to.
func Target(target string) (*url.URL, error) {
	to, err := url.Parse(target)
	switch {
	case err != nil || len(target) > MaxTarget || !utf8.ValidString(target):
		return nil, sms.Errorf(sms.BadRequest, "target", "it is no address of at most %d bytes", MaxTarget)
	case to.Scheme != "https" && to.Scheme != "http" || to.Host == "" || to.User != nil || to.Opaque != "":
		return nil, sms.Errorf(sms.BadRequest, "target", "write the whole address of a page, beginning with https://")
	case mobile.MatchString(to.Path) || mobile.MatchString(to.RawQuery) || mobile.MatchString(to.Fragment):
		return nil, sms.Errorf(sms.BadRequest, "target", "a number stands in it: who a person is is not written into addresses (PIPL Art. 6)")
	}
	to.Host = strings.ToLower(to.Host)
	return to, nil
}

// letters are those that nobody mistakes for another.
const letters = "23456789abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"

const codeLength = 7

var letterCount = big.NewInt(int64(len(letters)))

func code() string {
	b := make([]byte, codeLength)
	for i := range b {
		n, err := rand.Int(rand.Reader, letterCount)
		if err != nil {
			panic(err) // the system's random source never fails
		}
		b[i] = letters[n.Int64()]
	}
	return string(b)
}

// LinkView is a link as its owner sees it.
type LinkView struct {
	Link
	Address  string `json:"address" doc:"what stands in a text, with or without a scheme before it"`
	Visitors int64  `json:"visitors" doc:"about how many different visitors, to some 2 %"`
	Live     bool   `json:"live" doc:"it leads there now"`
}

// ViewOf shows it.
func ViewOf(l *Link, at int64) LinkView { return LinkView{*l, l.Address(), l.Visitors(), l.Live(at)} }
