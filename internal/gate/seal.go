package gate

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// sealed is a new message's id with its text and number as they are stored.
type sealed struct {
	id          sms.ID
	secret      vault.Secret
	fresh       bool // the person had no secret yet
	text        []byte
	textCommit  [32]byte
	phoneCommit [32]byte
}

func (g *Gate) seal(r *recipient, secret vault.Secret, text string) (s *sealed, err error) {
	s = &sealed{id: g.ids.Next(), secret: secret}
	if s.text, err = secret.SealText(s.id, text); err != nil {
		return nil, err
	}
	salt := secret.Salt(s.id)
	s.textCommit, s.phoneCommit = leaf.Commit(salt, []byte(text)), leaf.Commit(salt, []byte(r.Number.Reveal()))
	return s, nil
}

// SecretReader reads the sealed secrets of people towards a group.
type SecretReader interface {
	Secrets(ctx context.Context, group sms.ID, ids [][16]byte, each func(id [16]byte, sealed []byte) error) error
}

func (g *Gate) readSecrets(ctx context.Context, tx SecretReader, group sms.ID, ids [][16]byte, into map[secretKey]vault.Secret) error {
	return tx.Secrets(ctx, group, ids, func(id [16]byte, sealed []byte) error {
		secret, err := g.keys.OpenSecret(sealed)
		into[secretKey{id, group}] = secret
		return err
	})
}

// ahead does before the transaction what needs no lock: it reads the texts, finds
// their templates, and seals them. Nothing is decided here, and what can't be done is
// left to the transaction.
func (g *Gate) ahead(ctx context.Context, batch []*job) (err error) {
	defer func() {
		if p := recover(); p != nil { // the transaction finds out whose it is
			g.cfg.Logger.Error("the work before a decision panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	secrets, groups := map[secretKey]vault.Secret{}, map[sms.ID][][16]byte{}
	err = g.Compiled(ctx, func() error {
		return g.store.Read(ctx, func(ctx context.Context, tx Tx) error {
			l, err := g.usable(ctx, tx)
			if err != nil {
				return err
			}
			now, err := tx.Now(ctx)
			if err != nil {
				return err
			}
			clear(groups)
			for _, j := range batch {
				if g.prepare(j, l, now); j.err == nil && len(j.redo) == 0 {
					groups[j.party.GroupID] = append(groups[j.party.GroupID], j.phones...)
				}
			}
			for group, ids := range groups {
				if err := g.readSecrets(ctx, tx, group, ids, secrets); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	fresh := map[secretKey]bool{}
	for _, j := range batch {
		if j.err != nil || len(j.redo) > 0 {
			continue
		}
		for _, p := range j.parts {
			for i := range p.recipients {
				r := &p.recipients[i]
				k := secretKey{r.phone, j.party.GroupID}
				if _, known := secrets[k]; !known {
					secrets[k], fresh[k] = g.keys.NewSecret(), true
				}
				if r.sealed, err = g.seal(r, secrets[k], p.text); err != nil {
					return err
				}
				r.sealed.fresh = fresh[k]
			}
		}
	}
	return nil
}
