package channel

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/zhunxin/zhunxin/internal/channel/web"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// FiledState is what an upstream says of a template that was filed with it.
type FiledState struct {
	TemplateID sms.ID `json:"template_id"`
	Code       string `json:"code" doc:"the upstream's"`
	Known      bool   `json:"known" doc:"the upstream has a template of this code"`
	Same       bool   `json:"same" doc:"its text is the one that the channel has"`
	Usable     bool   `json:"usable" doc:"it passed the upstream's review"`
	State      string `json:"state,omitempty" doc:"of that review: approved, pending (approved, not in force yet), reviewing, rejected, cancelled, or the upstream's own word"`
}

// filedWithin bounds one question.
const filedWithin = 30 * time.Second

// FiledAfter are a channel's templates with ids behind one, in order, at most so many.
func FiledAfter(ch *registry.Channel, after sms.ID, limit int) []registry.CloudTemplate {
	list := slices.Clone(ch.Options.Cloud.Templates)
	slices.SortFunc(list, func(a, b registry.CloudTemplate) int { return int(min(1, max(-1, a.TemplateID-b.TemplateID))) })
	list = slices.DeleteFunc(list, func(t registry.CloudTemplate) bool { return t.TemplateID <= after })
	return list[:min(len(list), limit)]
}

// Filed asks a channel's upstream whether templates are there as the channel has them.
func (s *Set) Filed(ctx context.Context, ch *registry.Channel, list []registry.CloudTemplate) ([]FiledState, error) {
	c := s.callee(ch.ID)
	if c == nil {
		return nil, fmt.Errorf("this node does not know channel %s", ch.ID)
	}
	library, ok := c.api.(interface {
		Wordings(ctx context.Context, codes []string) (map[string]web.Wording, error)
	})
	if !ok {
		return nil, fmt.Errorf("the upstream of channel %s keeps no templates", ch.ID)
	}
	codes := make([]string, len(list))
	for i := range list {
		codes[i] = list[i].Code
	}
	ctx, cancel := context.WithTimeout(ctx, filedWithin)
	defer cancel()
	found, err := library.Wordings(ctx, codes)
	if err != nil {
		return nil, err
	}
	out := make([]FiledState, len(list))
	for i, t := range list {
		w, known := found[t.Code]
		out[i] = FiledState{TemplateID: t.TemplateID, Code: t.Code, Known: known, Same: known && w.Body == t.Body, Usable: w.Usable, State: w.State}
	}
	return out, nil
}
