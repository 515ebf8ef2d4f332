package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

type documentView struct {
	ID      sms.ID
	Code    sms.Code
	Media   string
	SHA256  string
	Size    int
	Expired bool
}

// upload brings a scan of a kind for a party.
func (n *node) upload(key, kind string, party sms.ID, validTo int64, content string) (d documentView) {
	n.t.Helper()
	path := "/v1/documents?kind=" + kind
	if party != 0 {
		path += "&party=" + party.String()
	}
	if validTo != 0 {
		path += fmt.Sprintf("&valid_to=%d", validTo)
	}
	_, b := n.fetch(http.MethodPost, path, []byte(content), "Authorization", "Bearer "+key, "Content-Type", "application/octet-stream")
	if err := json.Unmarshal(b, &d); err != nil {
		n.t.Fatalf("%s", b)
	}
	return d
}

func (n *node) look(key string, id sms.ID, reason string) (int, []byte) {
	n.t.Helper()
	return n.fetch(http.MethodPost, "/v1/admin/documents/"+id.String()+"/view", mustJSON(n.t, map[string]string{"reason": reason}), "Authorization", "Bearer "+key)
}

// A scan comes in and goes out whole, is nowhere on disk in clear (P7), and each look at it
// has a person and a reason.
func TestScanIsSealedAndEachLookIsRecorded(t *testing.T) {
	dir := t.TempDir()
	n := startIn(t, dir, config.Default())
	admin, reviewer, customer := n.staffed()
	shop := n.otherKey(n.key, "apply,read,admin")
	const marker = "marker-of-a-sealed-scan"
	content := "%PDF-1.7\n" + strings.Repeat(marker+" ", 20_000) // several pieces
	d := n.upload(shop, "business_licence", 0, 0, content)
	if d.ID == 0 || d.Media != "application/pdf" || d.Size != len(content) {
		t.Fatalf("%+v", d)
	}
	if status, b := n.look(reviewer, d.ID, "checks the customer's identity"); status != http.StatusOK || string(b) != content {
		t.Errorf("%d, %d bytes", status, len(b))
	}
	for who, c := range map[string]struct {
		key, reason string
		status      int
	}{
		"the customer": {shop, "mine", 403}, "nobody's key": {n.nobody(admin), "a reason", 403}, "a key without the scope": {admin, "a reason", 403}, "without a reason": {reviewer, "", 422}, "a blank one": {reviewer, "      ", 400},
		"a number in it": {reviewer, "for " + member, 400},
	} {
		if status, b := n.look(c.key, d.ID, c.reason); status != c.status || bytes.Contains(b, []byte(marker)) {
			t.Errorf("%s: %d", who, status)
		}
	}
	var views struct{ Views []document.View }
	if n.as(admin, http.MethodGet, "/v1/admin/documents/"+d.ID.String()+"/views", nil, &views); len(views.Views) != 1 || views.Views[0].Reason != "checks the customer's identity" || views.Views[0].StaffID == 0 {
		t.Errorf("%+v", views)
	}
	if r := n.records("document-view", d.ID); len(r) != 1 || strings.Contains(r[0], "identity") {
		t.Errorf("%v", r)
	}
	for name, c := range map[string]struct {
		content string
		code    sms.Code
	}{
		"a script":   {"#!/bin/sh\n", sms.DocumentType},
		"nothing":    {"", sms.DocumentType},
		"an archive": {"PK\x03\x04", sms.DocumentType},
		"too large":  {"%PDF-" + strings.Repeat("x", document.MaxBytes), sms.BodyTooLarge},
	} {
		if got := n.upload(shop, "contract", 0, 0, c.content); got.Code != c.code {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for media, head := range map[string]string{"image/png": "\x89PNG\r\n\x1a\n", "image/jpeg": "\xff\xd8\xff\xe0"} {
		if got := n.upload(shop, "handler_id", 0, 0, head); got.Media != media {
			t.Errorf("%s: %+v", media, got)
		}
	}
	if got := n.upload(shop, "contract", n.operator(), 0, content); got.Code != sms.Forbidden {
		t.Errorf("for another party: %+v", got)
	}
	if got := n.upload(shop, "contract", 0, n.Now().UnixMilli()-1, content); got.Code != sms.BadRequest {
		t.Errorf("an expired one: %+v", got)
	}
	var list struct{ Documents []documentView }
	if n.as(shop, http.MethodGet, "/v1/documents", nil, &list); len(list.Documents) != 3 {
		t.Errorf("what broke off is listed: %+v", list)
	}
	if n.as(admin, http.MethodGet, "/v1/documents?party="+customer.String(), nil, &list); len(list.Documents) != 3 {
		t.Errorf("%+v", list)
	}
	if err := n.DB.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { // the second piece in the first's place
		return tx.Exec(ctx, "UPDATE document_chunk SET data = (SELECT data FROM document_chunk x WHERE x.document_id = document_chunk.document_id AND x.no = 1) WHERE document_id = ? AND no = 0", int64(d.ID))
	}); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.base+"/v1/admin/documents/"+d.ID.String()+"/view", strings.NewReader(`{"reason":"once more"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+reviewer)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	if b, err := io.ReadAll(resp.Body); err == nil || len(b) > 0 {
		t.Errorf("a piece in another's place is shown: %d bytes, %v", len(b), err)
	}
	n.stop()
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(marker)) {
			t.Errorf("the scan is in clear in %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A scan may take longer to come than other requests, and no longer than it is given: who drips
// it in is cut off, and nothing of it stays.
func TestScanHasItsOwnTimeToCome(t *testing.T) {
	for name, c := range map[string]struct {
		within time.Duration
		ok     bool
	}{"in its time": {time.Minute, true}, "too slow": {400 * time.Millisecond, false}} {
		t.Run(name, func(t *testing.T) {
			cfg := config.Default()
			cfg.HTTP.ReadTimeout, cfg.HTTP.ScanTimeout = 400*time.Millisecond, c.within
			n := start(t, cfg)
			r, w := io.Pipe()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.base+"/v1/documents?kind=other", r)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+n.otherKey(n.key, "apply"))
			go func() {
				tick := time.NewTicker(100 * time.Millisecond)
				defer tick.Stop()
				_, err := io.WriteString(w, "%PDF-1.7")
				for range 10 {
					<-tick.C
					if err == nil {
						_, err = io.WriteString(w, " and so on")
					}
				}
				_ = w.Close()
			}()
			resp, err := http.DefaultClient.Do(req)
			status := 0
			if err == nil {
				status = resp.StatusCode
				_ = resp.Body.Close()
			}
			if (status == http.StatusOK) != c.ok {
				t.Errorf("%d, %v", status, err)
			}
			kept := 0
			if err := n.DB.Read(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				return tx.One(ctx, "SELECT COUNT(*) FROM document", nil, &kept)
			}); err != nil || (kept == 1) != c.ok {
				t.Errorf("%d are there, %v", kept, err)
			}
		})
	}
}

// What rests on a scan ends with it, at that very moment: a licence is good in the last
// millisecond before midnight and not at midnight.
func TestLicenceEndsWithItsScan(t *testing.T) {
	n := start(t, config.Default())
	admin, reviewer, _ := n.staffed()
	operator := n.operator()
	now := n.Now().In(time.FixedZone("CST", 8*60*60))
	midnight := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, now.Location()).UnixMilli()
	scan := n.upload(admin, "telecom_licence", operator, midnight, "%PDF-1.7")
	var out reviewed
	body := map[string]any{"party_id": operator, "number": "B2-20260077", "uscc": "91110000000000001A", "scope": "B99", "valid_to": n.period().To, "document_id": scan.ID, "state": "active"}
	if n.as(admin, http.MethodPut, "/v1/admin/licences/new", body, &out); out.ID == 0 {
		t.Fatalf("%+v", out)
	}
	if got := n.verdict(reviewer, "licences/"+out.ID.String(), "approve"); got.State != "approved" {
		t.Fatalf("%+v", got)
	}
	snap := n.registry()
	for at, valid := range map[int64]bool{midnight - 1: true, midnight: false} {
		if l := snap.ValidLicence(snap.Party[operator], "B99", at); (l != nil) != valid {
			t.Errorf("at %d: %v", at-midnight, l)
		}
	}
	var list struct{ Documents []documentView }
	if n.as(admin, http.MethodGet, "/v1/admin/documents/expiring?days=2", nil, &list); len(list.Documents) != 1 || list.Documents[0].ID != scan.ID {
		t.Errorf("%+v", list)
	}
	wrong := n.upload(admin, "other", operator, 0, "%PDF-1.7")
	body["document_id"] = wrong.ID
	if n.as(admin, http.MethodPut, "/v1/admin/licences/new", body, &out); out.Code != sms.BadRequest {
		t.Errorf("it rests on a scan of another kind: %+v", out)
	}
	contract := n.upload(admin, "contract", snap.Application[n.app()].PartyID, midnight, "%PDF-1.7")
	for _, c := range snap.Contract {
		if c.PartyID != snap.Application[n.app()].PartyID {
			continue
		}
		var out reviewed
		n.as(admin, http.MethodPut, "/v1/admin/contracts/"+c.ID.String(), map[string]any{"party_id": c.PartyID, "counterparty_id": c.CounterpartyID, "number": c.Number, "valid_to": n.period().To, "charge_on": "submission", "state": "active", "document_id": contract.ID}, &out)
		if got := n.verdict(reviewer, "contracts/"+c.ID.String(), "approve"); got.State != "approved" {
			t.Fatalf("%+v %+v", out, got)
		}
		if got := n.registry().Contract[c.ID]; got.To != midnight {
			t.Errorf("%+v", got)
		}
	}
}

// An upload that came to no end is forgotten after an hour.
func TestUnfinishedUploadIsForgotten(t *testing.T) {
	n := start(t, config.Default())
	_, _, customer := n.staffed()
	id, now := n.IDs.Next(), n.Now().UnixMilli()
	if err := n.DB.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.PutDocument(ctx, &document.Document{ID: id, PartyID: customer, Kind: "other", State: document.Uploading, CreatedAt: now}); err != nil {
			return err
		}
		_, err := tx.PutChunk(ctx, id, 0, []byte{1})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	there := func() (d *document.Document, chunk []byte) {
		if err := n.DB.Read(t.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
			if d, err = tx.Document(ctx, id); err == nil && d != nil {
				chunk, err = tx.Chunk(ctx, id, 0)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return d, chunk
	}
	for _, x := range []struct {
		after int64
		kept  bool
	}{{0, true}, {document.UploadsLast.Milliseconds() + 1, false}} {
		if err := n.forgetUploads(t.Context(), now+x.after); err != nil {
			t.Fatal(err)
		}
		if d, chunk := there(); (d != nil) != x.kept || (chunk != nil) != x.kept {
			t.Errorf("after %d ms: %+v %v", x.after, d, chunk)
		}
	}
}
