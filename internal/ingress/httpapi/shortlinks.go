package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/shortlink"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// ShortLinkIn asks for a short address of a page.
type ShortLinkIn struct {
	Body struct {
		Target string `json:"target" maxLength:"1000" doc:"the page's whole address; of your own filed domain, without numbers of people"`
		Name   string `json:"name,omitempty" maxLength:"30"`
		Days   int    `json:"days" minimum:"1" maximum:"365" doc:"how long it leads there"`
	}
}

// What the operations answer.
type (
	ShortLinkOut  struct{ Body shortlink.LinkView }
	ShortLinksOut struct {
		Body struct {
			Links []shortlink.LinkView `json:"links"`
			Next  sms.ID               `json:"next,omitempty" doc:"before, for the next page"`
		}
	}
)

// shortLinks registers what customers do about short addresses.
func (a *API) shortLinks() {
	operation(a, ScopeSend, huma.Operation{
		OperationID: "create-short-link", Method: http.MethodPost, Path: "/v1/short-links", Summary: "Give a page a short address 生成短链", Tags: []string{"messages"},
		Description: "It stands on a host of your own filed domain and leads to a page of that domain (TPL-10). Write it into the fixed text of a template; links in variables are refused.",
	}, a.createShortLink)
	operation(a, ScopeRead, huma.Operation{
		OperationID: "short-links", Method: http.MethodGet, Path: "/v1/short-links", Summary: "Short addresses and their visits 短链列表", Tags: []string{"messages"},
		Description: "Visits are counted within two seconds; of a node that is killed those of the last two may be missing. Who followed a link is not kept.",
	}, a.listShortLinks)
	operation(a, ScopeSend, huma.Operation{
		OperationID: "remove-short-link", Method: http.MethodDelete, Path: "/v1/short-links/{id}", Summary: "End a short address 停用短链", Tags: []string{"messages"},
		Description: "It leads nowhere from now on. Its address is not given to another page.",
	}, a.removeShortLink)
}

func (a *API) createShortLink(ctx context.Context, in *ShortLinkIn) (*ShortLinkOut, error) {
	c, out := callerOf(ctx), &ShortLinkOut{}
	err := a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		l, err := shortlink.Create(ctx, tx, c.snap, a.IDs, shortlink.Order{Application: c.app.ID, Key: c.key.ID, Target: in.Body.Target, Name: in.Body.Name, Days: in.Body.Days})
		if err == nil {
			out.Body = shortlink.ViewOf(l, l.CreatedAt)
		}
		return err
	})
	return out, named(err)
}

func (a *API) listShortLinks(ctx context.Context, in *OversightPageIn) (*ShortLinksOut, error) {
	c, out := callerOf(ctx), &ShortLinksOut{}
	out.Body.Links = []shortlink.LinkView{}
	before, err := newest(in.Before)
	if err != nil {
		return nil, err
	}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.ShortLinks(ctx, c.app.ID, before, in.Limit)
		for i := range list {
			out.Body.Links = append(out.Body.Links, shortlink.ViewOf(&list[i], a.Now().UnixMilli()))
		}
		if len(list) == in.Limit {
			out.Body.Next = list[in.Limit-1].ID
		}
		return err
	})
	return out, err
}

func (a *API) removeShortLink(ctx context.Context, in *MessageIn) (*struct{}, error) {
	c := callerOf(ctx)
	id, err := sms.ParseID(in.ID)
	if err != nil {
		return nil, sms.Errorf(sms.BadRequest, "path.id", "%s", err)
	}
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		found, err := tx.RemoveShortLink(ctx, c.app.ID, id, a.Now().UnixMilli())
		if err == nil && !found {
			return sms.Errorf(sms.NotFound, "path.id", "your application has no short link of this id that lasts")
		}
		return err
	})
	return nil, named(err)
}
