package gate

import (
	"time"

	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Subject is the message whose recipient's events are counted.
type Subject struct {
	Message, Group, Signature, Template sms.ID

	Category sms.Category
	// Content is the keyed hash of its text; nil when it is not known: then every text of
	// its signature counts as the same.
	Content *[16]byte
}

// Counts counts recipient events at one moment: for the decision and for the second look
// alike (FRQ-06).
type Counts struct {
	book  *rulebook.Book
	after []int64 // of each window
}

// CountAt makes ready to count at a moment.
func CountAt(book *rulebook.Book, now time.Time) Counts {
	c := Counts{book: book}
	windows := book.Windows()
	for i := range windows {
		c.after = append(c.after, windows[i].After(now))
	}
	return c
}

// Fill sets the counts that rules for the message's category read. Its own event does not
// count.
func (c *Counts) Fill(f *rulebook.Facts, s *Subject, events []sms.RecipientEvent) {
	windows := c.book.Windows()
	for _, i := range c.book.Counted(s.Category) {
		n, w, after := 0, &windows[i], c.after[i]
		for k := range events {
			e := &events[k]
			if e.At > after && e.MessageID != s.Message && (w.Category == "" || e.Category == w.Category) && s.shares(w.Scope, e) {
				n++
			}
		}
		f.Count(i, n)
	}
}

// shares tells whether an event is within a scope of the message.
func (s *Subject) shares(scope string, e *sms.RecipientEvent) bool {
	switch scope {
	case rulebook.ScopePlatform:
		return true
	case rulebook.ScopeGroup:
		return e.GroupID == s.Group
	case rulebook.ScopeTemplate:
		return e.SignatureID == s.Signature && e.TemplateID == s.Template
	case rulebook.ScopeContent: // the hash is of what follows the signature
		return e.SignatureID == s.Signature && (s.Content == nil || e.ContentHash == *s.Content)
	}
	return e.SignatureID == s.Signature
}
