package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/callback"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// FeedIn reads events after a cursor.
type FeedIn struct {
	After string `query:"after" maxLength:"20" doc:"the last id that you have stored; empty begins at the oldest"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Wait  int    `query:"wait" minimum:"0" maximum:"30" default:"0" doc:"seconds to wait for an event when there is none"`
}

// FeedOut is a page of events and the cursor to go on with.
type FeedOut struct {
	Body struct {
		Events []callback.Event `json:"events"`
		Cursor string           `json:"cursor" doc:"give it as after next time"`
	}
}

func (a *API) feed() {
	operation(a, ScopeRead, huma.Operation{
		OperationID: "events", Method: http.MethodGet, Path: "/v1/events", Summary: "Reports, replies and opt-outs 事件", Tags: []string{"events"},
		Description: "Store the cursor with what you did with the events: nothing is lost and nothing comes twice. Events can be read again from any cursor.",
	}, a.events)
}

// lookAgain is how often a waiting reader looks for what another node has stored.
const lookAgain = time.Second

func (a *API) events(ctx context.Context, in *FeedIn) (*FeedOut, error) {
	after, err := cursor(in.After, "query.after")
	if err != nil {
		return nil, err
	}
	app := callerOf(ctx).app.ID
	until := time.NewTimer(time.Duration(in.Wait) * time.Second)
	defer until.Stop()
	for {
		more := a.Wait()
		list, err := a.readEvents(ctx, app, after, in.Limit)
		if err != nil {
			return nil, err
		}
		if len(list) > 0 || in.Wait == 0 {
			return a.page(ctx, list, in.After)
		}
		again := time.NewTimer(max(a.Settle, lookAgain))
		select {
		case <-more:
		case <-again.C:
		case <-until.C:
			again.Stop()
			return a.page(ctx, nil, in.After)
		case <-ctx.Done():
			again.Stop()
			return nil, &sms.Error{Code: sms.Busy, Cause: ctx.Err()}
		}
		again.Stop()
	}
}

// readEvents leaves out those whose order is not settled yet.
func (a *API) readEvents(ctx context.Context, app, after sms.ID, limit int) (list []sms.Event, err error) {
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err = tx.Events(ctx, app, after, limit)
		return err
	})
	settled := a.Now().Add(-a.Settle)
	for i := range list {
		if a.Settle > 0 && list[i].ID.Time().After(settled) {
			return list[:i], err
		}
	}
	return list, err
}

func (a *API) page(ctx context.Context, list []sms.Event, from string) (*FeedOut, error) {
	out := &FeedOut{}
	out.Body.Cursor = from
	if len(list) > 0 {
		out.Body.Cursor = list[len(list)-1].ID.String()
	}
	err := a.Store.Read(ctx, func(ctx context.Context, tx Tx) (err error) {
		out.Body.Events, err = callback.Views(ctx, tx, a.Keys, list)
		return err
	})
	return out, err
}
