package assess

import (
	"context"
	"math"
	"slices"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/duty"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Tx is what a look at a party's newest messages, duties and papers needs of a transaction.
type Tx interface {
	Duties(ctx context.Context, f duty.Filter, limit int) ([]duty.Task, error)
	DutiesDone(ctx context.Context, rules []string) ([]duty.Task, error)
	PapersHeld(ctx context.Context, party sms.ID, kinds []string, at int64, each func(party sms.ID, kind string, until int64)) error
	Identity(ctx context.Context, party sms.ID, proposed bool) (*review.Identity, error)
	HandlersElsewhere(ctx context.Context, handler [16]byte, uscc string) (int, error)
	ListMessages(ctx context.Context, application, before sms.ID, limit int) ([]*sms.Message, error)
	Grants(ctx context.Context, group sms.ID, ids [][16]byte, each func(consent.Grant)) error
}

// Bounds of a look: applications, and messages of each.
const (
	mostApplications = 20
	mostMessages     = 200
)

// left are the states of messages that were given to a carrier.
var left = []sms.State{sms.Submitting, sms.Submitted, sms.Delivered, sms.Failed, sms.Expired, sms.Unknown, sms.InDoubt}

// look counts the consents behind a party's newest marketing messages.
func look(ctx context.Context, tx Tx, snap *registry.Snapshot, party sms.ID) (*Sample, error) {
	p := snap.Party[party]
	if p == nil {
		return nil, sms.Errorf(sms.NotFound, "party", "no party has the id %s", party)
	}
	s, behind, phones := &Sample{}, map[sms.ID]int{}, [][16]byte{}
	apps := snap.ApplicationsOf(party)
	for _, app := range apps[:min(len(apps), mostApplications)] {
		list, err := tx.ListMessages(ctx, app, math.MaxInt64, mostMessages)
		if err != nil {
			return nil, err
		}
		s.Messages += len(list)
		for _, m := range list {
			if m.Category == sms.MKT && slices.Contains(left, m.State) {
				s.Marketing++
				behind[m.ConsentID]++
				phones = append(phones, m.PhoneID)
			}
		}
	}
	if len(phones) == 0 {
		return s, nil
	}
	return s, tx.Grants(ctx, p.GroupID, phones, func(g consent.Grant) {
		if g.Grade == consent.Import {
			s.Imported += behind[g.ID]
		} else {
			s.Proved += behind[g.ID]
		}
	})
}
