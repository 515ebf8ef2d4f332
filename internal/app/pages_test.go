package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/evidence/bundle"
	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// browse opens a page, or sends a form, as a browser does that sends no cookies.
func (n *node) browse(path string, form url.Values, headers ...string) (int, string, http.Header) {
	n.t.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(n.t.Context(), method, n.base+path, body)
	if err != nil {
		n.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

type pageWording struct {
	wordingView
	Page    string
	OwnPage string `json:"own_page"`
}

// page registers words of consent and opens their page.
func (n *node) page() (w pageWording) {
	n.t.Helper()
	id := n.wording().ID.String()
	if status, _, _ := n.browse("/c/in/"+id, nil); status != http.StatusNotFound {
		n.t.Errorf("a page that nobody opened: %d", status)
	}
	if status := n.do(http.MethodPut, "/v1/consents/wordings/"+id+"/page", map[string]any{"open": true}, &w); status != http.StatusOK {
		n.t.Fatal(status, w.Code)
	}
	return w
}

var (
	tokenField = regexp.MustCompile(`name="token" value="([^"]+)"`)
	sentCode   = regexp.MustCompile(`验证码是([0-9]{6})`)
)

// code asks a page for a code, and reads it where the carrier got it.
func (n *node) code(page, to string) (token, code string) {
	n.t.Helper()
	status, html, _ := n.browse(page+"/code", url.Values{"to": {to}})
	m := tokenField.FindStringSubmatch(html)
	if status != http.StatusOK || m == nil {
		n.t.Fatalf("%d %s", status, html)
	}
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, r := range n.carrier.Received(0, 10_000) {
			if c := sentCode.FindStringSubmatch(r.Text); c != nil && r.Dests[0] == to {
				code = c[1]
			}
		}
		if code != "" {
			return m[1], code
		}
		if time.Now().After(deadline) {
			n.t.Fatal("the carrier got no code")
		}
		<-tick.C
	}
}

func (n *node) refuse(to string) {
	n.t.Helper()
	if status := n.do(http.MethodPost, "/v1/suppressions", map[string]any{"to": []string{to}, "scope": "MKT"}, nil); status != http.StatusOK {
		n.t.Fatal(status)
	}
}

// A person gives consent on the hosted page: after a refusal, too (OPT-05), which a list
// can't undo. The consent is of grade 3, names the very words, and its evidence holds them.
func TestConsentOnHostedPage(t *testing.T) {
	everywhere(t, func(n *node) {
		w := n.page()
		n.refuse(member)
		n.agree(member)
		if r := n.send(mktText, member).Results[0]; r.Code != sms.OptedOut {
			n.t.Errorf("a list opens a refused number: %+v", r)
		}
		status, html, _ := n.browse(w.Page, nil)
		for _, want := range []string{w.Text, "示例商城", "会员活动和优惠", "不超过 2 条", "365 天", "https://example.com/privacy", w.OwnPage} {
			if status != http.StatusOK || !strings.Contains(html, want) {
				n.t.Errorf("%d, the page lacks %q", status, want)
			}
		}
		token, code := n.code(w.Page, member)
		form := url.Values{"token": {token}, "code": {code}}
		if status, _, _ := n.browse(w.Page+"/agree", form); status != sms.Lookup(sms.NotAgreed).HTTP {
			n.t.Errorf("without the box: %d", status)
		}
		form.Set("agree", "yes")
		form.Set("code", "x"+code[1:])
		if status, html, _ := n.browse(w.Page+"/agree", form); status != sms.Lookup(sms.CodeWrong).HTTP || strings.Contains(html, "checked") {
			n.t.Errorf("a wrong code: %d %s", status, html)
		}
		form.Set("code", code)
		if p := n.person(member); len(p.Consents) != 1 {
			n.t.Errorf("recorded before the code: %+v", p)
		}
		if status, html, _ := n.browse(w.Page+"/agree", form); status != http.StatusOK || !strings.Contains(html, "已登记您的同意") {
			n.t.Fatalf("%d %s", status, html)
		}
		if status, _, _ := n.browse(w.Page+"/agree", form); status != sms.Lookup(sms.CodeWrong).HTTP {
			n.t.Errorf("the code works twice: %d", status)
		}
		p := n.person(member)
		if len(p.Consents) != 2 || len(p.Refusals) != 1 || p.Refusals[0].LiftedAt == 0 {
			n.t.Fatalf("%+v", p)
		}
		c := p.Consents[1]
		if c.Grade != 3 || c.Wording != w.ID.String() || c.PerWeek != 2 || c.ValidTo-c.ValidFrom != (365*24*time.Hour).Milliseconds() {
			n.t.Errorf("%+v", c)
		}
		id := n.send(mktText, member).Results[0].MessageID
		n.until(id, sms.Delivered)
		_, vkey := n.Evidence.Log()
		r, err := bundle.Verify(n.pack(id, ""), bundle.Options{Key: vkey, Phone: "86" + member, Text: mktText})
		if err != nil {
			n.t.Fatal(err)
		}
		pack := string(n.pack(id, ""))
		for _, want := range []string{`"consent-page"`, w.Text, w.TextHash, "code_message"} {
			if !strings.Contains(pack, want) {
				n.t.Errorf("the evidence lacks %s: %+v", want, r)
			}
		}
		n.refuse(member)
		if r := n.send(mktText, member).Results[0]; r.State != sms.Refused {
			n.t.Errorf("after a second refusal: %+v", r)
		}
	})
}

// PIPL Art. 15: withdrawing takes the same proof as giving and one click, which refuses at
// once; the customer is told.
func TestWithdrawalOnOwnPage(t *testing.T) {
	everywhere(t, func(n *node) {
		w := n.page()
		n.agree(member)
		n.agree(other)
		token, code := n.code(w.OwnPage, member)
		if status, _, _ := n.browse(w.OwnPage+"/withdraw", url.Values{"token": {token}, "group": {n.group().String()}}); status != sms.Lookup(sms.PageEnded).HTTP {
			n.t.Errorf("withdrawn without the code: %d", status)
		}
		status, html, _ := n.browse(w.OwnPage+"/open", url.Values{"token": {token}, "code": {code}})
		m := regexp.MustCompile(`name="group" value="([0-9]+)"`).FindStringSubmatch(html)
		if status != http.StatusOK || !strings.Contains(html, "同意有效") || m == nil {
			n.t.Fatalf("%d %s", status, html)
		}
		form := url.Values{"token": {token}, "group": {m[1]}}
		for range 2 { // a second click changes nothing
			if status, html, _ = n.browse(w.OwnPage+"/withdraw", form); status != http.StatusOK || !strings.Contains(html, "您已拒收该方的营销短信") || strings.Contains(html, "同意有效") {
				n.t.Fatalf("%d %s", status, html)
			}
		}
		if r := n.send(mktText, member, other).Results; r[0].State != sms.Refused || r[1].State != sms.Queued {
			n.t.Errorf("%+v", r)
		}
		if p := n.person(member); len(p.Refusals) != 1 || p.Refusals[0].Source != "page" || p.Consents[0].WithdrawnAt == 0 {
			n.t.Errorf("%+v", p)
		}
		told := 0
		deadline := time.Now().Add(30 * time.Second)
		for after := ""; told == 0 && time.Now().Before(deadline); {
			var feed struct {
				Events []struct{ Kind string }
				Cursor string
			}
			n.do(http.MethodGet, "/v1/events?wait=5"+after, nil, &feed)
			for _, e := range feed.Events {
				if e.Kind == "optout" {
					told++
				}
			}
			after = "&after=" + feed.Cursor
		}
		if told != 1 {
			n.t.Errorf("the customer was told %d times", told)
		}
	})
}

// P4 by the page: people withdraw while they are sent marketing; nothing enters submitting
// after their refusal.
func TestWithdrawalWhileSending(t *testing.T) {
	everywhere(t, func(n *node) {
		const members = 15
		w := n.page()
		pages := make([]url.Values, members)
		number := func(i int) string { return fmt.Sprint(14200006000 + i) }
		for i := range pages {
			n.agree(number(i))
			token, code := n.code(w.OwnPage, number(i))
			if status, html, _ := n.browse(w.OwnPage+"/open", url.Values{"token": {token}, "code": {code}}); status != http.StatusOK {
				n.t.Fatalf("%d %s", status, html)
			}
			pages[i] = url.Values{"token": {token}, "group": {n.group().String()}}
		}
		var both sync.WaitGroup
		both.Go(func() {
			for i := range pages {
				n.do(http.MethodPost, "/v1/messages", map[string]any{"text": mktText, "recipients": []map[string]string{{"to": number(i)}}}, nil)
			}
		})
		both.Go(func() {
			for i := range pages {
				n.browse(w.OwnPage+"/withdraw", pages[i])
			}
		})
		both.Wait()
		n.idle()
		err := n.DB.Read(n.t.Context(), func(ctx context.Context, tx *store.Tx) error {
			var late, refused int
			if err := tx.One(ctx, "SELECT COUNT(*) FROM suppression WHERE source = 'page'", nil, &refused); err != nil {
				return err
			}
			err := tx.One(ctx, `SELECT COUNT(*) FROM suppression x JOIN message m ON m.phone_id = x.phone_id AND m.category = 'MKT' JOIN segment s ON s.message_id = m.id
				WHERE s.submit_at > x.created_at AND ',' || x.in_flight || ',' NOT LIKE '%,' || m.id || ',%'`, nil, &late)
			if refused != members || late > 0 {
				n.t.Errorf("%d of %d refusals are stored, %d messages entered submitting after one", refused, members, late)
			}
			return err
		})
		if err != nil {
			n.t.Fatal(err)
		}
	})
}

// The pages load nothing, run nothing, and can't be had by another site's form.
func TestPagesAreSafe(t *testing.T) {
	n := start(t, config.Default())
	w := n.page()
	_, html, h := n.browse(w.Page, nil)
	if strings.Contains(html, "<script") || strings.Contains(html, "src=") || strings.Contains(html, "checked") {
		t.Errorf("%s", html)
	}
	for k, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
	} {
		if !strings.Contains(h.Get(k), want) {
			t.Errorf("%s: %q", k, h.Get(k))
		}
	}
	if status, _, _ := n.browse(w.Page+"/code", url.Values{"to": {member}}, "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden {
		t.Errorf("a form of another site: %d", status)
	}
	for name, c := range map[string]struct {
		path string
		form url.Values
		code sms.Code
	}{
		"no such wording":    {"/c/in/7", nil, sms.NotFound},
		"no id":              {"/c/in/x", nil, sms.NotFound},
		"no such group":      {"/c/me/7", nil, sms.NotFound},
		"no number":          {w.Page + "/code", url.Values{}, sms.BadNumber},
		"letters":            {w.Page + "/code", url.Values{"to": {"one two"}}, sms.BadNumber},
		"markup":             {w.Page + "/code", url.Values{"to": {"<b>1</b>"}}, sms.BadNumber},
		"a large form":       {w.Page + "/code", url.Values{"to": {strings.Repeat("1", 5000)}}, sms.BodyTooLarge},
		"no token":           {w.Page + "/agree", url.Values{"code": {"123456"}, "agree": {"yes"}}, sms.CodeWrong},
		"markup for a token": {w.Page + "/agree", url.Values{"token": {`"><b>`}, "code": {"123456"}, "agree": {"yes"}}, sms.CodeWrong},
		"no such page":       {w.OwnPage + "/withdraw", url.Values{"token": {"x"}, "group": {n.group().String()}}, sms.PageEnded},
		"a foreign group":    {w.OwnPage + "/withdraw", url.Values{"token": {"x"}, "group": {"7"}}, sms.BadRequest},
	} {
		status, html, _ := n.browse(c.path, c.form)
		e := sms.Lookup(c.code)
		if status != e.HTTP || !strings.Contains(strings.ReplaceAll(html, "&#43;", "+"), e.Zh) || strings.Contains(html, "<b>") {
			t.Errorf("%s: %d %s", name, status, html)
		}
	}
	if status := n.do(http.MethodPut, "/v1/consents/wordings/"+w.ID.String()+"/page", map[string]any{"open": false}, nil); status != http.StatusOK {
		t.Error(status)
	}
	if status, _, _ := n.browse(w.Page, nil); status != http.StatusNotFound {
		t.Errorf("a closed page: %d", status)
	}
}

// Codes are few, short-lived and hard to guess.
func TestPageLimits(t *testing.T) {
	cfg := config.Default()
	cfg.Pages.CodesPerAddress, cfg.Pages.CodesPerNumber, cfg.Pages.Attempts = 3, 1, 2
	n := start(t, cfg)
	w := n.page()
	token, code := n.code(w.OwnPage, member)
	for range 2 {
		n.browse(w.OwnPage+"/open", url.Values{"token": {token}, "code": {"x"}})
	}
	if status, _, _ := n.browse(w.OwnPage+"/open", url.Values{"token": {token}, "code": {code}}); status != sms.Lookup(sms.CodeWrong).HTTP {
		t.Errorf("the right code after too many guesses: %d", status)
	}
	limited := sms.Lookup(sms.RateLimited).HTTP
	if status, _, _ := n.browse(w.OwnPage+"/code", url.Values{"to": {member}}); status != limited {
		t.Errorf("a second code to one number: %d", status)
	}
	token, code = n.code(w.OwnPage, other)
	n.code(w.OwnPage, "14200000003")
	if status, _, _ := n.browse(w.OwnPage+"/code", url.Values{"to": {"14200000004"}}); status != limited {
		t.Errorf("a fourth code from one address: %d", status)
	}
	if status, _, _ := n.browse(w.Page+"/agree", url.Values{"token": {token}, "code": {code}, "agree": {"yes"}}); status != sms.Lookup(sms.CodeWrong).HTTP {
		t.Errorf("a code of the own page gives consent: %d", status)
	}
	if err := n.forgetCodes(t.Context(), n.Now().Add(2*time.Hour).UnixMilli()); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := n.browse(w.OwnPage+"/code", url.Values{"to": {"14200000004"}}); status != http.StatusOK {
		t.Errorf("what is forgotten counts: %d", status)
	}
	cfg.Pages.CodeLife = time.Nanosecond
	old := start(t, cfg)
	w = old.page()
	token, code = old.code(w.OwnPage, member)
	if status, _, _ := old.browse(w.OwnPage+"/open", url.Values{"token": {token}, "code": {code}}); status != sms.Lookup(sms.CodeWrong).HTTP {
		t.Errorf("an old code: %d", status)
	}
}

// Without an approved template for codes there is no other way to prove a number: the page
// says so.
func TestPageWithoutATemplate(t *testing.T) {
	n := start(t, config.Default())
	w := n.page()
	snap, err := n.Registry(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range snap.Template {
		if x.Category == sms.OTP {
			closed := *x
			closed.State = registry.Closed
			if err := n.DB.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return tx.Put(ctx, closed) }); err != nil {
				t.Fatal(err)
			}
		}
	}
	status, html, _ := n.browse(w.Page, nil)
	if status != http.StatusOK || strings.Contains(html, "<form") || !strings.Contains(html, "暂不可用") {
		t.Errorf("%d %s", status, html)
	}
	if status, _, _ := n.browse(w.Page+"/code", url.Values{"to": {member}}); status != sms.Lookup(sms.PageNotOffered).HTTP {
		t.Error(status)
	}
}

// CMP-01: people find on the pages where to complain; an operator that says it nowhere is warned.
func TestPagesSayWhereToComplain(t *testing.T) {
	n := start(t, config.Default())
	page := n.page().Page
	const contact = "complaints.example.com"
	if _, html, _ := n.browse(page, nil); strings.Contains(html, contact) {
		t.Fatal("it stands there before it is entered")
	}
	snap, err := n.Registry(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	op := *snap.Operator()
	op.Complaints = contact
	if err := n.DB.Write(t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return tx.Put(ctx, op) }); err != nil {
		t.Fatal(err)
	}
	if _, html, _ := n.browse(page, nil); !strings.Contains(html, contact) {
		t.Errorf("%s", html)
	}
}
