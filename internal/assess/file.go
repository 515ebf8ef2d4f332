package assess

import (
	"context"

	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/duty"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// File is what the database holds beside the registry: of the duties that obligations name, of
// papers, and of who handles a party's account.
type File struct {
	Open   []duty.Task // of the duties that obligations name
	Others bool        // more are open than were read
	Done   []duty.Task // of each that comes again, and of each object, what was done last
	Papers map[Paper]int64
	Handler
}

// Paper is a kind of paper of a party. Those that are on file stand with the moment until
// which they hold; 0 is without an end.
type Paper struct {
	Party sms.ID
	Kind  string
}

// Handler is what is known of who handles a party's account (RN-02).
type Handler struct {
	Named     bool // with name and identity number
	Elsewhere int  // other enterprises that have the same
}

// mostOpen is how many open duties are looked at.
const mostOpen = 1000

// Gather looks up what an assessment of a party needs beside the registry.
func (c *Catalogue) Gather(ctx context.Context, tx Tx, f *Facts, party sms.ID) (err error) {
	if f.Marketing, err = look(ctx, tx, f.Registry, party); err != nil {
		return err
	}
	p, file := f.Registry.Party[party], &File{Papers: map[Paper]int64{}}
	if p.Kind == registry.Operator {
		rules := c.duties()
		if file.Open, err = tx.Duties(ctx, duty.Filter{Open: true, Rules: rules}, mostOpen); err == nil {
			file.Others = len(file.Open) == mostOpen
			file.Done, err = tx.DutiesDone(ctx, rules)
		}
		if err != nil {
			return err
		}
	}
	of := party
	if p.Kind != registry.Customer {
		of = 0 // those of its customers
	}
	err = tx.PapersHeld(ctx, of, []string{document.Handler, document.Processing, document.Assessment}, f.At.UnixMilli(), func(party sms.ID, kind string, until int64) {
		file.Papers[Paper{party, kind}] = until
	})
	if err != nil {
		return err
	}
	i, err := tx.Identity(ctx, party, false)
	if err != nil {
		return err
	}
	if i != nil && len(i.Handler) > 0 && i.HandlerHash != ([16]byte{}) {
		file.Named = true
		file.Elsewhere, err = tx.HandlersElsewhere(ctx, i.HandlerHash, p.USCC)
	}
	f.File = file
	return err
}

// duties are those that obligations name.
func (c *Catalogue) duties() (ids []string) {
	for _, o := range c.obligations {
		ids = append(ids, o.Duties...)
	}
	return ids
}
