package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/evidence/bundle"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// story plays through the real interfaces. What it prints holds no number and no
// text in clear, because it is recorded.
type story struct {
	p        *Platform
	sims     sims
	seed     seeded
	base     string
	key      string
	out      io.Writer
	pack     string
	client   *http.Client
	recorded strings.Builder
	step     int
	patience time.Duration // longest wait for a report, or for a reply to be taken
}

const storyPatience = time.Minute

func (s *story) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...) + "\n"
	s.recorded.WriteString(line)
	fmt.Fprint(s.out, line)
}

func (s *story) title(zh, en string) {
	s.step++
	s.say("%d. %s  %s", s.step, zh, en)
}

// call does one request of the API.
func (s *story) call(ctx context.Context, method, path string, body, out any) error {
	var rd io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		rd = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, rd)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, b)
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = b
		return nil
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

const settingPlays = "story.plays"

// plays is how often the story was played, this time included.
func (s *story) plays(ctx context.Context) (n int, err error) {
	err = s.p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) error {
		v, err := tx.Setting(ctx, settingPlays)
		if err == nil && v != "" {
			_, err = fmt.Sscan(v, &n)
		}
		return err
	})
	return n, err
}

// numbers are those of people whom no earlier play has used. No such numbers are assigned.
func (s *story) numbers(ctx context.Context) (member, stranger, shopper string, err error) {
	plays, err := s.plays(ctx)
	if err != nil {
		return "", "", "", err
	}
	n := 14200000000 + 10*plays
	err = s.p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		return tx.PutSetting(ctx, settingPlays, fmt.Sprint(plays+1))
	})
	return fmt.Sprint(n + 1), fmt.Sprint(n + 2), fmt.Sprint(n + 3), err
}

const (
	storyOTP = "【" + storySignature + "】您的验证码是246810，5分钟内有效。"
	storyMKT = "【" + storySignature + "】" + mktBody
)

// play tells the story of the README.
func (s *story) play(ctx context.Context) error {
	member, stranger, shopper, err := s.numbers(ctx)
	if err != nil {
		return err
	}
	before, err := s.balance(ctx)
	if err != nil {
		return err
	}
	since := s.p.IDs.Next() // the entries to come have later ids
	s.title("验证码送达", "A verification code is delivered")
	if _, err := s.delivered(ctx, storyOTP, shopper); err != nil {
		return err
	}
	s.title("会员同意营销，营销短信送达", "A member consents to marketing; the offer is delivered")
	var given struct {
		IDs []sms.ID `json:"ids"`
	}
	if err := s.call(ctx, http.MethodPost, "/v1/consents", map[string]any{
		"to": []string{member}, "purpose": "MKT", "method": "signup form", "wording": "membership terms v3", "source": "shop counter",
		"given_at": s.p.Now().Add(-time.Minute).Format(time.RFC3339),
	}, &given); err != nil {
		return err
	}
	s.say("   consent %s recorded, grade 1 (the customer's own statement)", given.IDs[0])
	offer, err := s.delivered(ctx, storyMKT, member)
	if err != nil {
		return err
	}
	s.title("未同意的号码：拒绝", "The same offer to a number without consent: refused")
	if err := s.refused(ctx, storyMKT, stranger); err != nil {
		return err
	}
	s.title("会员回复 T 退订", "The member replies T")
	if err := s.reply(ctx, member, "T"); err != nil {
		return err
	}
	var person struct {
		To       string `json:"to"`
		Refusals []struct {
			ID            sms.ID
			Scope, Source string
		} `json:"refusals"`
	}
	if err := s.call(ctx, http.MethodPost, "/v1/people/query", map[string]string{"to": member}, &person); err != nil {
		return err
	}
	if len(person.Refusals) == 0 {
		return fmt.Errorf("the reply of %s refused nothing", person.To)
	}
	for _, r := range person.Refusals {
		s.say("   refusal %s of %s recorded in the transaction that stored the reply (source: %s)", r.ID, r.Scope, r.Source)
	}
	s.title("退订后的营销短信：拒绝", "The next offer to that member: refused")
	if err := s.refused(ctx, storyMKT, member); err != nil {
		return err
	}
	s.title("退订者的验证码仍然送达", "A verification code to that same member: still delivered")
	if _, err := s.delivered(ctx, storyOTP, member); err != nil {
		return err
	}
	if err := s.carriers(ctx); err != nil {
		return err
	}
	s.title("余额逐笔可查", "The balance, entry by entry")
	if err := s.money(ctx, before, since); err != nil {
		return err
	}
	s.title("证据包离线验证", "An evidence pack, verified offline")
	return s.prove(ctx, offer)
}

// reply has a handset send a text, and waits until the platform took it.
func (s *story) reply(ctx context.Context, from, text string) error {
	waiting, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	err := s.sims[sms.Mobile].SendMO(waiting, from, storyCode+storyDigits, text)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("the story waited %s for the platform to take a reply from a handset: %w; start again, with --log info to see more", s.patience, err)
	}
	return err
}

// carriers sends a code to a number of each carrier, by the carrier's own protocol.
func (s *story) carriers(ctx context.Context) error {
	s.title("四种运营商协议各送达一条", "A code through each carrier's own protocol")
	unicom, telecom, abroad, err := s.elsewhere(ctx)
	if err != nil {
		return err
	}
	for _, x := range []struct {
		carrier sms.Carrier
		number  string
	}{{sms.Unicom, unicom}, {sms.Telecom, telecom}, {sms.International, abroad}} {
		s.say("   %s:", x.carrier)
		if _, err := s.delivered(ctx, storyOTP, x.number); err != nil {
			return err
		}
	}
	s.say("   %s: see step 1", sms.Mobile)
	return nil
}

// elsewhere gives numbers of the other carriers. The mainland ones are of no assigned
// range, so that they are entered as ported.
func (s *story) elsewhere(ctx context.Context) (unicom, telecom, abroad string, err error) {
	plays, err := s.plays(ctx)
	if err != nil {
		return "", "", "", err
	}
	n := 14200000000 + 10*(plays-1)
	unicom, telecom, abroad = fmt.Sprint(n+4), fmt.Sprint(n+5), fmt.Sprintf("+1202555%04d", 100+plays%100)
	err = s.p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		for number, carrier := range map[string]sms.Carrier{unicom: sms.Unicom, telecom: sms.Telecom} {
			m, err := sms.ParseMSISDN(number)
			if err != nil {
				return err
			}
			if err := tx.PutPorted(ctx, s.p.Keys.PhoneID(m), carrier, s.p.Now().UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	})
	return unicom, telecom, abroad, err
}

func (s *story) send(ctx context.Context, text, to string) (r gate.Result, err error) {
	var a struct {
		Results []gate.Result `json:"results"`
	}
	err = s.call(ctx, http.MethodPost, "/v1/messages", map[string]any{"text": text, "recipients": []map[string]string{{"to": to}}}, &a)
	if err == nil && len(a.Results) != 1 {
		err = fmt.Errorf("%d results for one recipient", len(a.Results))
	}
	if err != nil {
		return r, err
	}
	return a.Results[0], nil
}

// delivered sends, waits for the report, and prints the carrier's own id.
func (s *story) delivered(ctx context.Context, text, to string) (sms.ID, error) {
	r, err := s.send(ctx, text, to)
	if err != nil {
		return 0, err
	}
	if r.State != sms.Queued {
		return 0, fmt.Errorf("message to %s is %s: %s %s", r.To, r.State, r.Code, r.Rule)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(s.patience)
	defer deadline.Stop()
	for {
		var m struct {
			State    sms.State `json:"state"`
			Code     string    `json:"code"`
			Packs    string    `json:"packs"`
			Charged  int       `json:"charged"`
			Segments []struct {
				Upstream string `json:"upstream_id"`
				Stat     string `json:"stat"`
				Source   string `json:"source"`
			} `json:"segments"`
		}
		if err := s.call(ctx, http.MethodGet, "/v1/messages/"+r.MessageID.String(), nil, &m); err != nil {
			return 0, err
		}
		switch {
		case m.State == sms.Delivered:
			first, rest, _ := strings.Cut(m.Packs, ",")
			s.say("   message %s to %s: permitted under %s and %d more rule packs", r.MessageID, r.To, first, 1+strings.Count(rest, ","))
			for _, x := range m.Segments {
				s.say("   carrier's id %s, shown as %s, report %s; %d unit charged", x.Upstream, x.Source, x.Stat, m.Charged)
			}
			return r.MessageID, nil
		case m.State.Final():
			return 0, fmt.Errorf("message %s is %s: %s", r.MessageID, m.State, m.Code)
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return 0, fmt.Errorf("the story waited %s for the carrier's report on message %s to %s, which is %s: start again, with --log info to see more", s.patience, r.MessageID, r.To, m.State)
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// refused sends what must not leave, and prints the article and the remedy.
func (s *story) refused(ctx context.Context, text, to string) error {
	r, err := s.send(ctx, text, to)
	if err != nil {
		return err
	}
	if r.State != sms.Refused {
		return fmt.Errorf("message %s to %s is %s and should have been refused", r.MessageID, r.To, r.State)
	}
	s.say("   message %s to %s: refused, %s", r.MessageID, r.To, r.Code)
	for _, f := range r.Findings {
		s.say("   rule %s: %s", f.Rule, strings.Join(f.Articles, "; "))
		s.say("   %s / %s", f.Reason.Zh, f.Reason.En)
		s.say("   怎么办: %s / what to do: %s", f.Remedy.Zh, f.Remedy.En)
	}
	return nil
}

type balance struct {
	Balance, Held, Available string
}

func (s *story) balance(ctx context.Context) (b balance, err error) {
	return b, s.call(ctx, http.MethodGet, "/v1/balance", nil, &b)
}

func (s *story) money(ctx context.Context, before balance, since sms.ID) error {
	after, err := s.balance(ctx)
	if err != nil {
		return err
	}
	var list struct {
		Entries []struct {
			Kind      string `json:"kind"`
			UnitPrice string `json:"unit_price"`
			Units     int    `json:"units"`
			Amount    string `json:"amount"`
			Reference string `json:"reference"`
		} `json:"entries"`
	}
	if err := s.call(ctx, http.MethodGet, "/v1/ledger?limit=1000&after="+since.String(), nil, &list); err != nil {
		return err
	}
	s.say("   before: balance %s, held %s", before.Balance, before.Held)
	for _, e := range list.Entries {
		if e.Units == 0 {
			s.say("   %-8s %10s  %s", e.Kind, e.Amount, e.Reference)
			continue
		}
		s.say("   %-8s %10s  = %d × %s", e.Kind, e.Amount, e.Units, e.UnitPrice)
	}
	s.say("   after:  balance %s, held %s", after.Balance, after.Held)
	return nil
}

// prove writes the pack and verifies it with nothing but the file and the key.
func (s *story) prove(ctx context.Context, message sms.ID) error {
	var pack []byte
	if err := s.call(ctx, http.MethodGet, "/v1/messages/"+message.String()+"/evidence", nil, &pack); err != nil {
		return err
	}
	if err := os.WriteFile(s.pack, pack, 0o600); err != nil {
		return err
	}
	_, vkey := s.p.Evidence.Log()
	if err := os.WriteFile(s.pack+".key", []byte(vkey+"\n"), 0o600); err != nil {
		return err
	}
	read, err := os.ReadFile(s.pack)
	if err != nil {
		return err
	}
	r, err := bundle.Verify(read, bundle.Options{Key: vkey})
	if err != nil {
		return err
	}
	for _, line := range append(append([]string{}, r.Records...), r.Proved...) {
		s.say("   %s", line)
	}
	s.say("   check it yourself: bin/zhunxin-verify %s --key %s.key", s.pack, s.pack)
	return nil
}
