package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// FeedIn reads events after a cursor.
type FeedIn struct {
	After string `query:"after" maxLength:"20" doc:"the last id that you have stored; empty begins at the oldest"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Wait  int    `query:"wait" minimum:"0" maximum:"30" default:"0" doc:"seconds to wait for an event when there is none"`
}

// EventView is an event. Numbers are masked; an MO carries its text.
type EventView struct {
	ID   sms.ID          `json:"id"`
	Kind string          `json:"kind" enum:"report,mo,optout"`
	At   int64           `json:"at"`
	Body json.RawMessage `json:"body"`
	Text string          `json:"text,omitempty" doc:"of an MO"`
}

// FeedOut is a page of events and the cursor to go on with.
type FeedOut struct {
	Body struct {
		Events []EventView `json:"events"`
		Cursor string      `json:"cursor" doc:"give it as after next time"`
	}
}

func (a *API) feed() {
	operation(a, ScopeRead, huma.Operation{
		OperationID: "events", Method: http.MethodGet, Path: "/v1/events", Summary: "Reports, replies and opt-outs 事件", Tags: []string{"events"},
		Description: "Store the cursor with what you did with the events: nothing is lost and nothing comes twice. Events can be read again from any cursor.",
	}, a.events)
}

// settle is how long an event may take from its id to its commit: a younger one
// is not shown while one with a smaller id may still be on its way.
const settle = 2 * time.Second

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
		again := time.NewTimer(settle)
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
	settled := a.Now().Add(-settle)
	for i := range list {
		if list[i].ID.Time().After(settled) {
			return list[:i], err
		}
	}
	return list, err
}

func (a *API) page(ctx context.Context, list []sms.Event, from string) (*FeedOut, error) {
	out := &FeedOut{}
	out.Body.Events, out.Body.Cursor = make([]EventView, len(list)), from
	var mos []sms.ID
	for i, e := range list {
		out.Body.Events[i] = EventView{ID: e.ID, Kind: e.Kind, At: e.At, Body: e.Body}
		out.Body.Cursor = e.ID.String()
		if e.Kind == "mo" {
			mos = append(mos, e.ObjectID)
		}
	}
	if len(mos) == 0 {
		return out, nil
	}
	texts := map[sms.ID]string{}
	err := a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		return tx.MOs(ctx, mos, func(m sms.MO) {
			if plain, err := a.Keys.Open(vault.PurposeMO, m.Text); err == nil {
				texts[m.ID] = string(plain)
			}
		})
	})
	for i, e := range list {
		if e.Kind == "mo" {
			out.Body.Events[i].Text = texts[e.ObjectID]
		}
	}
	return out, err
}
