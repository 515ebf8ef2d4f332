package app

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/channel"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// aggregator is a licensed upstream with an HTTP API of its own: JSON, signed by HMAC.
type aggregator struct {
	*httptest.Server
	mu     sync.Mutex
	got    []asked
	next   func(w http.ResponseWriter, n int) // how request n is answered, nil is well
	wrong  string
	serves sync.Once
}

type asked struct {
	Phone, Text, Ref, Ext, Tpl string
	Vars                       struct{ Number string }
}

const aggregatorSecret = "a secret of more than sixty-four characters, as some upstreams give to those who sign by it"

func newAggregator(t *testing.T) *aggregator {
	t.Helper()
	a := &aggregator{}
	a.Server = httptest.NewServer(a)
	t.Cleanup(func() { a.serves.Do(a.Close) })
	return a
}

// ServeHTTP takes one message.
func (a *aggregator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var m asked
	m2 := hmac.New(sha256.New, []byte(aggregatorSecret))
	fmt.Fprintf(m2, "%s\n%s\n%s", r.Header.Get("X-Time"), r.URL.Path, body)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		err = json.Unmarshal(body, &m)
	}
	if err != nil || r.URL.Path != "/api/v1/send" || r.Header.Get("X-Sign") != hex.EncodeToString(m2.Sum(nil)) || r.Header.Get("X-App") != "app-1" {
		a.wrong = fmt.Sprintf("%v %s %v", err, r.URL.Path, r.Header)
	}
	a.got = append(a.got, m)
	if a.next != nil {
		a.next(w, len(a.got))
		return
	}
	fmt.Fprintf(w, `{"code":"0","data":{"id":%d}}`, 9_007_199_254_740_993+len(a.got)) // more digits than a float keeps
}

// requests are those that came; an unsigned one fails the test.
func (a *aggregator) requests(t *testing.T) []asked {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.wrong != "" {
		t.Fatal("a request is not as described: ", a.wrong)
	}
	return append([]asked(nil), a.got...)
}

func (a *aggregator) answers(next func(w http.ResponseWriter, n int)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next = next
}

// description is what the operator's staff write of it.
func description() *registry.HTTPUpstream {
	return &registry.HTTPUpstream{
		Request: registry.UpstreamRequest{
			Method: "POST", Path: "/send", Headers: map[string]string{"X-App": "${login}", "X-Time": "${unix}"},
			JSON: map[string]any{"phone": "${phone}", "text": "${text}", "ref": "${ref}", "ext": "${extension}", "nested": map[string]any{"validity": "${valid_seconds}"}},
		},
		Sign:   &registry.UpstreamSign{Scheme: "hmac", Text: "${unix}\n${path}\n${payload}", Name: "X-Sign"},
		Answer: registry.UpstreamAnswer{Accepted: "json.code == '0'", ID: "json.data.id", Code: "json.code", OverSpeed: "json.code == 'BUSY'"},
		Reports: &registry.UpstreamReports{
			List: "json.reports", ID: "item.id", Phone: "item.phone", Code: "item.status", Delivered: "item.status == 'OK'", Ref: "has(item.ref) ? item.ref : ''",
		},
		Replies: &registry.UpstreamReplies{ID: "json.id", Phone: "json.from", Dest: "access_code + json.ext", Text: "json.text"},
		Accept:  &registry.UpstreamReceived{Type: "text/plain", Body: "received"},
	}
}

// channelOver makes the seeded channel one of HTTP, and returns it with the paths of its callbacks.
func (n *node) channelOver(change func(*registry.Channel)) (ch registry.Channel, reports, replies string) {
	n.t.Helper()
	snap, err := n.Registry(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	ch = *snap.Channels[0]
	ch.UpstreamID = n.licensedUpstream()
	change(&ch)
	ch.Options.Replies = true
	status, out := n.putChannel(ch, aggregatorSecret)
	if status != http.StatusOK {
		n.t.Fatalf("%d %+v", status, out)
	}
	return ch, out.Reports, out.Replies
}

// licensedUpstream stores a platform whose channels may be used (LIC-06).
func (n *node) licensedUpstream() sms.ID {
	n.t.Helper()
	id, uscc := n.IDs.Next(), "91110000000000009A"
	err := n.DB.Write(n.t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		err := tx.Put(ctx, registry.Party{ID: id, Kind: registry.Upstream, GroupID: id, Name: "示例平台", USCC: uscc, EntityType: "company", State: registry.Active})
		if err != nil {
			return err
		}
		snap, err := tx.Registry(ctx)
		if err != nil {
			return err
		}
		for _, c := range snap.Contract {
			agreed := *c
			agreed.Subprocessors = id.String() // PRV-02
			if err := tx.Put(ctx, agreed); err != nil {
				return err
			}
		}
		return tx.Put(ctx, registry.Licence{
			ID: n.IDs.Next(), PartyID: id, Number: "B2-9", USCC: uscc, Scope: registry.Business, Provinces: "*", Period: n.period(), State: registry.Active,
		})
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return id
}

type putOut struct {
	Reports string `json:"callback_reports"`
	Replies string `json:"callback_replies"`
	Code    sms.Code
	Field   string
	Detail  string
}

func (n *node) putChannel(ch registry.Channel, secret string) (status int, out putOut) {
	n.t.Helper()
	b, err := json.Marshal(ch)
	if err != nil {
		n.t.Fatal(err)
	}
	var body map[string]any
	if err := json.Unmarshal(b, &body); err != nil {
		n.t.Fatal(err)
	}
	body["secret"] = secret
	customer := n.key
	defer func() { n.key = customer }()
	n.key = n.adminKey()
	return n.do(http.MethodPut, "/v1/admin/channels/"+ch.ID.String(), body, &out), out
}

// call posts a callback as the upstream would, which has no key.
func (n *node) call(path, body string) (int, string) {
	n.t.Helper()
	customer := n.key
	defer func() { n.key = customer }()
	n.key = ""
	status, b := n.fetch(http.MethodPost, path, []byte(body))
	return status, string(b)
}

// untilChannel waits until the one channel is so.
func (n *node) untilChannel(what string, ok func(channel.State) bool) {
	n.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		list := n.channelStates()
		if len(list) == 1 && ok(list[0]) {
			return
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("it never came to this: %s; %+v", what, list)
		}
	}
}

func (n *node) untilAsked(a *aggregator, want int) []asked {
	n.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		if got := a.requests(n.t); len(got) >= want {
			return got
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("the upstream was asked %d times, not %d", len(a.requests(n.t)), want)
		}
	}
}

// The whole way over an upstream that is described as data: sent whole and signed,
// reported and answered by callbacks, proved.
func TestUpstreamByHTTP(t *testing.T) {
	everywhere(t, func(n *node) {
		up := newAggregator(t)
		_, reports, replies := n.channelOver(func(ch *registry.Channel) {
			ch.Protocol, ch.Address, ch.Login, ch.Options = registry.ByHTTP, up.URL+"/api/v1", "app-1", registry.ChannelOptions{HTTP: description()}
		})
		n.untilReached()
		id := n.send(otpText, member).Results[0].MessageID
		n.until(id, sms.Submitted)
		got := n.untilAsked(up, 1)[0]
		if got.Phone != member || got.Text != otpText || got.Ext != storyDigits || !strings.HasSuffix(got.Ref, "-"+id.String()) {
			n.t.Errorf("the upstream was asked for %+v", got)
		}
		report := fmt.Sprintf(`{"reports":[{"id":9007199254740994,"phone":"%s","status":"OK"}]}`, member)
		if status, body := n.call(reports, report); status != http.StatusOK || body != "received" {
			n.t.Errorf("a report is answered %d %s", status, body)
		}
		if m := n.until(id, sms.Delivered); m.Charged != 1 || len(m.Segments) != 1 || m.Segments[0].UpstreamID != "9007199254740994" || m.Segments[0].Stat != "DELIVRD:OK" {
			n.t.Errorf("%+v", m)
		}
		n.prove(id, otpText)

		n.agree(member)
		long := n.send(mktText, member).Results[0].MessageID
		n.until(long, sms.Submitted)
		if status, _ := n.call(replies, fmt.Sprintf(`{"id":"m1","from":"+86%s","ext":"%s","text":"T"}`, member, storyDigits)); status != http.StatusOK {
			n.t.Errorf("a reply is answered %d", status)
		}
		if r := n.send(mktText, member).Results[0]; r.State != sms.Refused || r.Rule == "" {
			n.t.Errorf("after the opt-out: %+v", r)
		}
		failed := fmt.Sprintf(`{"reports":[{"id":"x"},{"id":9007199254740995,"phone":"86%s","status":"E12"}]}`, member)
		if status, _ := n.call(reports, failed); status != http.StatusServiceUnavailable {
			n.t.Errorf("a callback with an entry that can't be read is answered %d", status)
		}
		if m := n.until(long, sms.Failed); m.Code != "E12" {
			n.t.Errorf("the other entry: %+v", m)
		}
		n.strangers(reports)
	})
}

// strangers tries callbacks that are not the upstream's.
func (n *node) strangers(reports string) {
	n.t.Helper()
	parts := strings.Split(reports, "/")
	for name, c := range map[string]struct {
		path   string
		status int
	}{
		"another secret":      {strings.Replace(reports, parts[4], strings.Repeat("A", len(parts[4])), 1), http.StatusUnauthorized},
		"no secret":           {strings.Replace(reports, parts[4], "x", 1), http.StatusUnauthorized},
		"another channel":     {strings.Replace(reports, parts[3], "1", 1), http.StatusNotFound},
		"a name of a channel": {strings.Replace(reports, parts[3], "mobile", 1), http.StatusNotFound},
		"another kind":        {strings.TrimSuffix(reports, "reports") + "orders", http.StatusNotFound},
	} {
		if status, body := n.call(c.path, `{"reports":[]}`); status != c.status || !strings.Contains(body, `"zh"`) {
			n.t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if status, _ := n.call(reports, `{"reports":"`+strings.Repeat("x", 1<<20)+`"}`); status != http.StatusRequestEntityTooLarge {
		n.t.Errorf("a callback of more than 1 MiB: %d", status)
	}
}

// What an upstream does instead of taking a message: it is refused with its words, made
// again, or in doubt, and nothing is sent twice (P3).
func TestUpstreamThatDoesNotTake(t *testing.T) {
	everywhere(t, func(n *node) {
		up := newAggregator(t)
		ch, reports, _ := n.channelOver(func(ch *registry.Channel) {
			ch.Protocol, ch.Address, ch.Login, ch.Options = registry.ByHTTP, up.URL+"/api/v1", "app-1", registry.ChannelOptions{HTTP: description()}
			ch.Options.Codes = []registry.ChannelCode{{Code: "NO_ROUTE", On: "result", Class: "carrier", Zh: "无路由", En: "It has no route."}}
		})
		n.untilReached()

		up.answers(func(w http.ResponseWriter, _ int) { fmt.Fprint(w, `{"code":"NO_ROUTE"}`) })
		refused := n.send(otpText, "14200000011").Results[0].MessageID
		if m := n.until(refused, sms.Failed); m.Code != "RESULT:NO_ROUTE" || m.Charged != 0 {
			n.t.Errorf("refused in words: %+v", m)
		}
		var v codeView
		if n.do(http.MethodGet, "/v1/messages/"+refused.String(), nil, &v); len(v.Segments) != 1 || v.Segments[0].Stat != "NO_ROUTE" || v.Segments[0].Meaning.Zh != "无路由" {
			n.t.Errorf("its meaning: %+v", v)
		}
		if pack := n.pack(refused, ""); !bytes.Contains(pack, []byte("NO_ROUTE")) {
			n.t.Error("the evidence does not hold what the upstream said")
		}

		up.answers(func(w http.ResponseWriter, i int) {
			if i == 2 {
				fmt.Fprint(w, `{"code":"BUSY"}`)
				return
			}
			fmt.Fprint(w, `{"code":"0","data":{"id":"again"}}`)
		})
		again := n.send(otpText, "14200000012").Results[0].MessageID
		n.until(again, sms.Submitted)
		if got := up.requests(n.t); len(got) != 3 || got[1] != got[2] {
			n.t.Errorf("over speed: %+v", got)
		}
		if pack := n.pack(again, ""); !bytes.Contains(pack, []byte("BUSY")) {
			n.t.Error("the evidence does not hold the first attempt")
		}

		up.answers(func(w http.ResponseWriter, _ int) {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = conn.Close()
			}
		})
		doubt := n.send(otpText, "14200000013").Results[0].MessageID
		n.until(doubt, sms.InDoubt)
		up.answers(nil)
		last := n.send(otpText, "14200000014").Results[0].MessageID
		n.until(last, sms.Submitted)
		if got := up.requests(n.t); len(got) != 5 {
			n.t.Errorf("the upstream was asked %d times; what is in doubt is not asked again", len(got))
		}
		// The report of what is in doubt names it by our reference: it may have come for another.
		report := fmt.Sprintf(`{"reports":[{"id":"late","phone":"14200000013","status":"OK","ref":"%s"}]}`, channel.Ref(ch.ID, doubt))
		if status, _ := n.call(reports, report); status != http.StatusOK {
			n.t.Error(status)
		}
		if m := n.until(doubt, sms.Delivered); m.Segments[0].UpstreamID != "late" || m.Charged != 1 {
			n.t.Errorf("settled: %+v", m)
		}
	})
}

// An upstream that can't be reached takes nothing; what waits goes when it is back. A
// channel that is paused still hears of what left before.
func TestUpstreamThatIsAway(t *testing.T) {
	everywhere(t, func(n *node) {
		up := newAggregator(t)
		ch, reports, _ := n.channelOver(func(ch *registry.Channel) {
			ch.Protocol, ch.Address, ch.Login, ch.Options = registry.ByHTTP, up.URL+"/api/v1", "app-1", registry.ChannelOptions{HTTP: description()}
		})
		n.untilReached()
		first := n.send(otpText, "14200000021").Results[0].MessageID
		n.until(first, sms.Submitted)
		ch.State = "paused"
		if status, out := n.putChannel(ch, ""); status != http.StatusOK || out.Reports != "" {
			n.t.Errorf("%d %+v: a secret that was not set now is shown", status, out)
		}
		n.untilNoChannel()
		report := `{"reports":[{"id":9007199254740994,"phone":"14200000021","status":"OK"}]}`
		if status, _ := n.call(reports, report); status != http.StatusOK {
			n.t.Errorf("a paused channel's report: %d", status)
		}
		n.until(first, sms.Delivered)

		address := up.Listener.Addr().String()
		up.serves.Do(up.Close)
		ch.State = registry.Active
		if status, out := n.putChannel(ch, ""); status != http.StatusOK {
			n.t.Fatalf("%d %+v", status, out)
		}
		n.untilChannel("it is noted that nobody listens", func(s channel.State) bool { return s.Owned && s.Sessions == 0 && strings.Contains(s.Down, "refused") })
		waits := n.send(otpText, "14200000022").Results[0].MessageID
		n.until(waits, sms.Queued)
		back := httptest.NewUnstartedServer(up)
		if err := back.Listener.Close(); err != nil {
			n.t.Fatal(err)
		}
		back.Listener = listenAt(n.t, address)
		back.Start()
		defer back.Close()
		n.until(waits, sms.Submitted)
	})
}

// untilNoChannel waits until the node has none that is active.
func (n *node) untilNoChannel() {
	n.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ; len(n.channelStates()) > 0; <-tick.C {
		if time.Now().After(deadline) {
			n.t.Fatalf("%+v", n.channelStates())
		}
	}
}

func listenAt(t *testing.T, address string) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", address) //nolint:noctx // a test's listener
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// An upstream that takes no text gets the code and the values of a template whose text is
// ours, and nothing else goes there.
func TestUpstreamThatTakesTemplates(t *testing.T) {
	everywhere(t, func(n *node) {
		got := make(chan url.Values, 10)
		up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if r.Header.Get("x-acs-action") == "GetSmsTemplate" {
				fmt.Fprintf(w, `{"Code":"OK","RequestId":"R","TemplateStatus":"1","TemplateCode":"SMS_1","TemplateContent":%q}`, "您的验证码是${number}，${minutes}分钟内有效。")
				return
			}
			got <- r.URL.Query()
			fmt.Fprint(w, `{"Code":"OK","Message":"OK","RequestId":"R","BizId":"900619746936498440^0"}`)
		}))
		defer up.Close()
		snap, err := n.Registry(n.t.Context())
		if err != nil {
			n.t.Fatal(err)
		}
		filed := registry.CloudTemplate{TemplateID: otpTemplate(snap), Version: 1, Code: "SMS_1", Body: "您的验证码是${number}，5分钟内有效。"}
		cloud := func(list ...registry.CloudTemplate) registry.ChannelOptions {
			return registry.ChannelOptions{Cloud: &registry.CloudUpstream{Templates: list}}
		}
		ch, reports, _ := n.channelOver(func(ch *registry.Channel) {
			ch.Protocol, ch.Address, ch.Login, ch.Options = registry.ByAliyun, up.URL, "key-id", cloud()
		})
		n.untilReached()
		if r := n.send(otpText, member).Results[0]; r.State != sms.Refused || r.Code != sms.TemplateNotFiled {
			n.t.Errorf("a template that was not filed there: %+v", r)
		}

		ch.Options = cloud(filed)
		if status, out := n.putChannel(ch, ""); status != http.StatusOK {
			n.t.Fatalf("%d %+v", status, out)
		}
		id := n.send(otpText, member).Results[0].MessageID
		n.until(id, sms.Submitted)
		q := <-got
		for name, want := range map[string]string{
			"PhoneNumbers": member, "SignName": storySignature, "TemplateCode": "SMS_1", "TemplateParam": `{"number":"246810"}`,
			"SmsUpExtendCode": storyDigits, "OutId": channel.Ref(ch.ID, id),
		} {
			if q.Get(name) != want {
				n.t.Errorf("%s is %q, want %q", name, q.Get(name), want)
			}
		}
		n.checkFiled(ch)
		report := fmt.Sprintf(`[{"phone_number":"%s","send_time":"2026-11-25 10:00:00","report_time":"2026-11-25 10:00:01","success":true,"err_code":"DELIVERED","err_msg":"ok","sms_size":"1","biz_id":"900619746936498440^0","out_id":%q}]`, member, channel.Ref(ch.ID, id))
		if status, body := n.call(reports, report); status != http.StatusOK || !strings.Contains(body, `"code":0`) {
			n.t.Errorf("%d %s", status, body)
		}
		n.until(id, sms.Delivered)
		n.prove(id, otpText)
		if pack := n.pack(id, ""); !bytes.Contains(pack, []byte("SMS_1")) {
			n.t.Error("the evidence does not say which template was permitted")
		}
		n.wrongChannels(ch, filed)
	})
}

// An upstream that is described may take templates, too.
func TestDescribedUpstreamThatTakesTemplates(t *testing.T) {
	everywhere(t, func(n *node) {
		up := newAggregator(t)
		snap, err := n.Registry(n.t.Context())
		if err != nil {
			n.t.Fatal(err)
		}
		d := description()
		d.Request.JSON = map[string]any{"phone": "${phone}", "tpl": "${template}", "vars": "${params}", "ref": "${ref}", "ext": "${extension}"}
		n.overHTTP(up, func(ch *registry.Channel) {
			ch.Options.HTTP = d
			ch.Options.Cloud = &registry.CloudUpstream{Templates: []registry.CloudTemplate{
				{TemplateID: otpTemplate(snap), Version: 1, Code: "T-1", Body: "您的验证码是${number}，5分钟内有效。"},
			}}
		})
		id := n.send(otpText, member).Results[0].MessageID
		n.until(id, sms.Submitted)
		if got := n.untilAsked(up, 1)[0]; got.Tpl != "T-1" || got.Vars.Number != "246810" || got.Text != "" {
			n.t.Errorf("the upstream was asked for %+v", got)
		}
		n.agree(member)
		if r := n.send(mktText, member).Results[0]; r.State != sms.Refused || r.Code != sms.TemplateNotFiled {
			n.t.Errorf("a template that was not filed there: %+v", r)
		}
	})
}

// otpTemplate is the seeded one of verification codes.
func otpTemplate(snap *registry.Snapshot) (id sms.ID) {
	for x, t := range snap.Template {
		if t.Category == sms.OTP {
			id = x
		}
	}
	return id
}

// checkFiled asks the upstream what it has: its text is another one by now.
func (n *node) checkFiled(ch registry.Channel) {
	n.t.Helper()
	customer := n.key
	defer func() { n.key = customer }()
	n.key = n.adminKey()
	var out struct {
		Templates []channel.FiledState
		Wrong     int
	}
	status := n.do(http.MethodGet, "/v1/admin/channels/"+ch.ID.String()+"/filed-templates", nil, &out)
	if status != http.StatusOK || out.Wrong != 1 || len(out.Templates) != 1 || !out.Templates[0].Known || out.Templates[0].Same || !out.Templates[0].Usable {
		n.t.Errorf("%d %+v", status, out)
	}
}

// wrongChannels stores definitions that must be refused, each with the field that is wrong.
func (n *node) wrongChannels(ch registry.Channel, filed registry.CloudTemplate) {
	n.t.Helper()
	for name, c := range map[string]struct {
		change func(*registry.Channel)
		want   string
	}{
		"another text": {func(ch *registry.Channel) {
			filed.Body = "您的验证码是${number}，10分钟内有效。"
			ch.Options = registry.ChannelOptions{Cloud: &registry.CloudUpstream{Templates: []registry.CloudTemplate{filed}}}
		}, "templates[0].body"},
		"an unknown template": {func(ch *registry.Channel) {
			filed.TemplateID += 1 << 20
			ch.Options = registry.ChannelOptions{Cloud: &registry.CloudUpstream{Templates: []registry.CloudTemplate{filed}}}
			filed.TemplateID -= 1 << 20
		}, "templates[0].template_id"},
		"another version": {func(ch *registry.Channel) {
			x := filed
			x.Version = 2
			ch.Options = registry.ChannelOptions{Cloud: &registry.CloudUpstream{Templates: []registry.CloudTemplate{x}}}
		}, "templates[0].version"},
		"no description":          {func(ch *registry.Channel) { ch.Protocol, ch.Options = registry.ByHTTP, registry.ChannelOptions{} }, "options.http"},
		"a far address in clear":  {func(ch *registry.Channel) { ch.Address = "http://sms.example.com" }, "address"},
		"Tencent without its app": {func(ch *registry.Channel) { ch.Protocol = registry.ByTencent }, "app_id"},
		"a splitting":             {func(ch *registry.Channel) { ch.Options.Split.Alphabet = "ucs2" }, "options.split"},
		"a broken expression": {func(ch *registry.Channel) {
			d := description()
			d.Answer.ID = "json.data."
			ch.Protocol, ch.Options = registry.ByHTTP, registry.ChannelOptions{HTTP: d}
		}, "options.http.answer.id"},
	} {
		x := ch
		c.change(&x)
		if status, out := n.putChannel(x, ""); status != http.StatusBadRequest || !strings.Contains(out.Field+" "+out.Detail, c.want) {
			n.t.Errorf("%s: %d %+v", name, status, out)
		}
	}
}
