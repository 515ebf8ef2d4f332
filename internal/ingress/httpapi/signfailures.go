package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/admission"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// FailuresOut lists requests whose signature was wrong.
type FailuresOut struct {
	Body struct {
		Failures []admission.Failure `json:"failures"`
	}
}

// CompareIn is what a program signed, to be compared.
type CompareIn struct {
	ID   string `path:"id" maxLength:"20" doc:"id of the key that signs"`
	Body struct {
		Canonical string `json:"canonical_request" maxLength:"16384" doc:"as your program has it"`
	}
}

// CompareOut tells where two canonical forms part.
type CompareOut struct {
	Body struct {
		Same   bool   `json:"same"`
		At     int    `json:"at" doc:"byte of the first difference"`
		Yours  string `json:"yours,omitempty" doc:"from there on"`
		Server string `json:"server,omitempty"`
	}
}

func (a *API) signFailures() {
	operation(a, ScopeSend, huma.Operation{
		OperationID: "signature-failures", Method: http.MethodGet, Path: "/v1/keys/{id}/signature-failures", Summary: "Requests with a wrong signature 签名失败记录", Tags: []string{"account"},
		Description: "The last ten of a key of your application within an hour, newest first, on the node that answers: what the server signed. They hold what the requests held and are kept in memory only.",
	}, a.listSignFailures)
	operation(a, ScopeSend, huma.Operation{
		OperationID: "compare-signature", Method: http.MethodPost, Path: "/v1/keys/{id}/signature-failures/compare", Summary: "Where what you signed differs 比对待签名串", Tags: []string{"account"},
		Description: "Compares your canonical request with that of the newest failure.",
	}, a.compareSignature)
}

// failuresOf lists those of a key of the caller's application.
func (a *API) failuresOf(c caller, id string) ([]admission.Failure, error) {
	key, err := sms.ParseID(id)
	if err != nil {
		return nil, sms.Errorf(sms.BadRequest, "path.id", "%s", err)
	}
	if k := c.snap.KeyByID(key); k == nil || k.AccessID == "" || k.ApplicationID != c.app.ID {
		return nil, sms.Errorf(sms.NotFound, "path.id", "your application has no key that signs with this id")
	}
	return a.Failed(key), nil
}

func (a *API) listSignFailures(ctx context.Context, in *MessageIn) (*FailuresOut, error) {
	out := &FailuresOut{}
	var err error
	out.Body.Failures, err = a.failuresOf(callerOf(ctx), in.ID)
	return out, err
}

func (a *API) compareSignature(ctx context.Context, in *CompareIn) (*CompareOut, error) {
	list, err := a.failuresOf(callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, sms.Errorf(sms.NotFound, "path.id", "no request of this key failed here within the hour")
	}
	out, yours, server := &CompareOut{}, in.Body.Canonical, list[0].Canonical
	at := 0
	for at < min(len(yours), len(server)) && yours[at] == server[at] {
		at++
	}
	out.Body.Same, out.Body.At = yours == server, at
	if !out.Body.Same {
		out.Body.Yours, out.Body.Server = tail(yours, at), tail(server, at)
	}
	return out, nil
}

// tail is what follows a byte, at most 80 of them.
func tail(s string, at int) string { return s[at:min(len(s), at+80)] }
