package web

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// reading is an upstream whose callbacks are read by these fields.
func reading(t testing.TB, callbacks string) *Custom {
	t.Helper()
	api, err := NewCustom(customAccount(t, `{"request":{"method":"GET"},"answer":{"accepted":"true","id":"'1'"},`+callbacks+`}`, "http://127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	return api
}

const byItem = `"reports":{"id":"item.id","phone":"item.to","code":"item.code","delivered":"item.code == 'DELIVRD'","pending":"item.code == 'SENT'","ref":"item.ref"},
	"replies":{"id":"item.id","phone":"item.from","dest":"item.to","text":"item.text"}`

// A status of the protocols is only what the description says; the upstream's own word
// stays beside it.
func TestReportsOfDescribedUpstreams(t *testing.T) {
	long := strings.Repeat("信", 40)
	for name, c := range map[string]struct {
		entry string
		want  Report
		err   string
	}{
		"delivered":              {`{"id":"a","to":"17000000001","code":"DELIVRD"}`, Report{Report: session.Report{Stat: "DELIVRD"}}, ""},
		"on its way":             {`{"id":"a","to":"17000000001","code":"SENT"}`, Report{Report: session.Report{Stat: "ACCEPTD", Err: "SENT"}}, ""},
		"not delivered":          {`{"id":"a","to":"17000000001","code":"MK:0001"}`, Report{Report: session.Report{Stat: "MK:0001"}}, ""},
		"not delivered, a digit": {`{"id":"a","to":"17000000001","code":-7}`, Report{Report: session.Report{Stat: "-7"}}, ""},
		"no code":                {`{"id":"a","to":"17000000001","code":""}`, Report{Report: session.Report{Stat: "UNDELIV"}}, ""},
		"not what it says":       {`{"id":"a","to":"17000000001","code":"DELIVRD:001"}`, Report{Report: session.Report{Stat: "UNDELIV", Err: "DELIVRD:001"}}, ""},
		"not on its way":         {`{"id":"a","to":"17000000001","code":"ACCEPTD"}`, Report{Report: session.Report{Stat: "UNDELIV", Err: "ACCEPTD"}}, ""},
		"not under way":          {`{"id":"a","to":"17000000001","code":"ENROUTE"}`, Report{Report: session.Report{Stat: "UNDELIV", Err: "ENROUTE"}}, ""},
		"a long code":            {`{"id":"a","to":"17000000001","code":"` + long + `"}`, Report{Report: session.Report{Stat: long[:63]}}, ""},
		"ours":                   {`{"id":"a","to":"17000000001","code":"MK:0001","ref":7301}`, Report{Report: session.Report{Stat: "MK:0001"}, Ref: "7301"}, ""},
		"a ref that is not ours": {`{"id":"a","to":"17000000001","code":"MK:0001","ref":"` + long + `"}`, Report{Report: session.Report{Stat: "MK:0001"}}, ""},
		"no id":                  {`{"to":"17000000001","code":"DELIVRD"}`, Report{}, "options.http.reports.id: what it reads is not there"},
		"an empty id":            {`{"id":"","to":"17000000001","code":"DELIVRD"}`, Report{}, "options.http.reports.id: it gave 0 bytes"},
		"a long id":              {`{"id":"` + long + `","to":"17000000001","code":"DELIVRD"}`, Report{}, "options.http.reports.id: it gave 120 bytes"},
		"no number":              {`{"id":"a","to":"","code":"DELIVRD"}`, Report{}, "options.http.reports.phone: "},
		"a fixed line":           {`{"id":"a","to":"01066666666","code":"DELIVRD"}`, Report{}, "options.http.reports.phone: "},
		"a number that is none":  {`{"id":"a","to":1.7e10,"code":"DELIVRD"}`, Report{}, "options.http.reports.phone: "},
		"a map as a code":        {`{"id":"a","to":"17000000001","code":{}}`, Report{}, "options.http.reports.code: it gave map"},
		"no object":              {`17000000001`, Report{}, "options.http.reports.id: "},
		"null":                   {`null`, Report{}, "options.http.reports.id: "},
	} {
		t.Run(name, func(t *testing.T) {
			api := reading(t, byItem)
			good := `{"id":"b","to":"8617000000002","code":"DELIVRD"}`
			got, err := api.Reports(called("/r", "["+c.entry+","+good+"]", nil))
			if c.err == "" {
				c.want.ID, c.want.Dest, c.want.Foreign = "a", "17000000001", c.want.Ref == ""
				if err != nil || len(got) != 2 || got[0] != c.want {
					t.Errorf("got %+v (%v), want %+v", got, err, c.want)
				}
			} else if err == nil || len(got) != 1 || !strings.HasPrefix(err.Error(), "1 of 2 entries left out; the first, entry 1: "+c.err) || strings.Contains(err.Error(), "7000000") {
				t.Errorf("got %+v (%v), want one and %s", got, err, c.err)
			}
			if one, err := api.Reports(called("/r", good, nil)); err != nil || len(one) != 1 || one[0].ID != "b" || one[0].Dest != "17000000002" {
				t.Errorf("one by itself: got %+v (%v)", one, err)
			}
		})
	}
}

func TestRepliesOfDescribedUpstreams(t *testing.T) {
	long := strings.Repeat("信", maxReply-2) + "😀"
	// What is not there is left out: it may be a refusal.
	for name, c := range map[string]struct{ entry, text, err string }{
		"text":               {`{"id":"a","from":"+86 17000000001","to":"1069000101","text":"退订T"}`, "退订T", ""},
		"digits":             {`{"id":1,"from":17000000001,"to":1069000101,"text":0}`, "0", ""},
		"an empty text":      {`{"id":"a","from":"17000000001","to":"1069000101","text":""}`, "", ""},
		"the longest":        {`{"id":"a","from":"17000000001","to":"1069000101","text":"` + long + `"}`, long, ""},
		"longer":             {`{"id":"a","from":"17000000001","to":"1069000101","text":"` + long + `。"}`, long, ""},
		"no text":            {`{"id":"a","from":"17000000001","to":"1069000101"}`, "", "options.http.replies.text: "},
		"no sender":          {`{"id":"a","from":"1069","to":"1069000101","text":"T"}`, "", "options.http.replies.phone: "},
		"no receiver":        {`{"id":"a","from":"17000000001","to":"","text":"T"}`, "T", ""},
		"a long receiver":    {`{"id":"a","from":"17000000001","to":"` + strings.Repeat("1", 33) + `","text":"T"}`, "T", ""},
		"an id that is none": {`{"id":[],"from":"17000000001","to":"1069000101","text":"T"}`, "T", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := reading(t, byItem).Replies(called("/r", c.entry, nil))
			if c.err != "" {
				if err == nil || len(got) != 0 || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "信") {
					t.Errorf("got %+v (%v), want %s", got, err, c.err)
				}
				return
			}
			if err != nil || len(got) != 1 {
				t.Fatalf("got %+v (%v)", got, err)
			}
			text, err := smstext.Text(smstext.Body{Coding: smstext.UCS2, Content: got[0].Content})
			if err != nil || text != c.text || got[0].Source != "17000000001" || (got[0].Dest == "1069000101") != !strings.Contains(name, "receiver") || (got[0].ID == "") != (name == "an id that is none") {
				t.Errorf("got %+v: %q (%v)", got[0], text, err)
			}
		})
	}
	t.Run("bytes that are no text", func(t *testing.T) {
		api := reading(t, `"replies":{"phone":"form.from","dest":"access_code","text":"form.text"}`)
		form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
		got, err := api.Replies(called("/r", "from=17000000001&text=%ff%fe", form))
		if err == nil || len(got) != 0 || !strings.Contains(err.Error(), "options.http.replies.text: the text is not valid UTF-8") {
			t.Errorf("got %+v (%v)", got, err)
		}
		for what, r := range map[string]*Callback{
			"a form that is broken":  called("/r", "from=17000000001&text=T%zz&text=", form),
			"a query that is broken": called("/r?a=%zz", "from=17000000001&text=T", form),
		} {
			if got, err := api.Replies(r); err == nil || len(got) != 0 || !strings.Contains(err.Error(), "is not percent-encoded") {
				t.Errorf("%s: got %+v (%v)", what, got, err)
			}
		}
		if got, err := api.Replies(called("/r?a;b", "from=17000000001&text=T;", form)); err != nil || len(got) != 1 || string(got[0].Content) != "\x00T\x00;" {
			t.Errorf("a semicolon: got %+v (%v)", got, err)
		}
	})
}

// What a peer sends is bounded, and so is what reading it takes.
func TestCallbacksAreBounded(t *testing.T) {
	entry := `{"id":"a","to":"17000000001","code":"DELIVRD","from":"17000000001","text":"T"},`
	for name, c := range map[string]struct {
		callbacks, payload string
		n                  int
		err                string
	}{
		"as many entries as may be": {byItem, "[" + strings.Repeat(entry, maxEntries-1) + strings.TrimSuffix(entry, ",") + "]", maxEntries, ""},
		"no entries":                {byItem, "[]", 0, ""},
		"more entries":              {byItem, "[" + strings.Repeat(entry, maxEntries) + strings.TrimSuffix(entry, ",") + "]", 0, "options.http.reports.list: it has more than 1000 entries"},
		"more in a list":            {strings.Replace(byItem, `"id"`, `"list":"payload.split(',')","id"`, 1), strings.Repeat(",", maxEntries), 0, "options.http.reports.list: it has more than 1000 entries"},
		"no list":                   {strings.Replace(byItem, `"id"`, `"list":"json.list","id"`, 1), `{"list":{"id":"a"}}`, 0, "options.http.reports.list: it gave map, not a list"},
		"a list that is not there":  {strings.Replace(byItem, `"id"`, `"list":"json.list","id"`, 1), `{}`, 0, "options.http.reports.list: what it reads is not there"},
		"longer than it may be":     {byItem, strings.Repeat(" ", MaxPayload+1), 0, "longer than 1048576 bytes"},
		"all of it for each entry": {
			`"reports":{"id":"payload.contains('a long text that is nowhere') ? 'a' : 'b'","phone":"item.to","code":"hex(md5(payload))","delivered":"true"}`,
			"[" + strings.Repeat(entry, maxEntries-1) + strings.TrimSuffix(entry, ",") + "]", -1, "the expressions have become too costly together",
		},
		"deep": {byItem, strings.Repeat("[", MaxPayload/2) + strings.Repeat("]", MaxPayload/2), 0, "1 of 1 entries left out"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := reading(t, c.callbacks).Reports(called("/r", c.payload, nil))
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %v, want %q", err, c.err)
			}
			if len(got) != c.n && (c.n >= 0 || len(got) >= maxEntries) {
				t.Errorf("got %d reports, want %d", len(got), c.n)
			}
		})
	}
}

func TestCallbacksThatAreNotDescribed(t *testing.T) {
	api := reading(t, `"accept":{"type":"text/plain","body":"OK"}`)
	if got, err := api.Reports(called("/r", "[]", nil)); err == nil || len(got) != 0 || !strings.HasPrefix(err.Error(), "options.http.reports: ") {
		t.Errorf("got %+v (%v)", got, err)
	}
	if got, err := api.Replies(called("/r", "[]", nil)); err == nil || len(got) != 0 || !strings.HasPrefix(err.Error(), "options.http.replies: ") {
		t.Errorf("got %+v (%v)", got, err)
	}
	for _, c := range []struct {
		api    *Custom
		ok     bool
		status int
		said   string
	}{
		{api, true, http.StatusOK, "text/plain OK"},
		{api, false, http.StatusServiceUnavailable, `application/json {"code":1}`},
		{reading(t, byItem), true, http.StatusOK, `application/json {"code":0}`},
		{reading(t, byItem), false, http.StatusServiceUnavailable, `application/json {"code":1}`},
	} {
		w := httptest.NewRecorder()
		c.api.Received(w, c.ok)
		if said := w.Header().Get("Content-Type") + " " + w.Body.String(); w.Code != c.status || said != c.said {
			t.Errorf("answered %d %s, want %d %s", w.Code, said, c.status, c.said)
		}
	}
}

// Whoever edits a channel is told which field is wrong.
func TestWrongDescriptionsAreNamed(t *testing.T) {
	const good = `{"accepted":"true","id":"'1'"}`
	request := func(r string) string { return `{"request":` + r + `,"answer":` + good + `}` }
	answer := func(a string) string { return `{"request":{"method":"GET"},"answer":` + a + `}` }
	with := func(x string) string { return `{"request":{"method":"GET"},"answer":` + good + `,` + x + `}` }
	const report, reply = `"id":"'1'","phone":"'1'","code":"'1'","delivered":"true"`, `"phone":"'1'","dest":"'1'","text":"'1'"`
	for field, list := range map[string][]string{
		"request.method":       {request(`{}`), request(`{"method":"PATCH"}`), request(`{"method":"get"}`)},
		"request.path":         {request(`{"method":"GET","path":"/${phon}"}`), request(`{"method":"GET","path":"/a?b=c"}`), request(`{"method":"GET","path":"/a#b"}`)},
		"request.query.q":      {request(`{"method":"GET","query":{"q":"${phone"}}`), request(`{"method":"GET","query":{"q":"${params}"}}`)},
		"request.headers":      {request(`{"method":"GET","headers":{"X Y":"1"}}`), request(`{"method":"POST","text":"x"}`)},
		"request.headers.X":    {request(`{"method":"GET","headers":{"X":"${json}"}}`)},
		"request.headers.hOst": {request(`{"method":"GET","headers":{"hOst":"elsewhere"}}`)},
		"request.form.f":       {request(`{"method":"POST","form":{"f":"${sign}"}}`)},
		"request.form":         {request(`{"method":"GET","form":{"f":"1"}}`)},
		"request.json":         {request(`{"method":"POST","json":"${x}"}`), request(`{"method":"GET","json":{}}`), request(`{"method":"POST","json":{"${phone}":1}}`), request(`{"method":"POST","form":{"a":"b"},"json":{}}`)},
		"request.json.a.1.b":   {request(`{"method":"POST","json":{"a":[1,{"b":"${status}"}]}}`)},
		"request.text":         {request(`{"method":"POST","headers":{"content-type":"text/xml"},"text":"${item}"}`), request(`{"method":"POST","json":{},"text":"x"}`)},
		"answer.accepted":      {answer(`{"accepted":"","id":"'1'"}`), answer(`{"accepted":"1","id":"'1'"}`), answer(`{"accepted":"phone == ''","id":"'1'"}`), answer(`{"accepted":"${true}","id":"'1'"}`)},
		"answer.id":            {answer(`{"accepted":"true","id":""}`), answer(`{"accepted":"true","id":"true"}`), answer(`{"accepted":"true","id":"item.id"}`)},
		"answer.code":          {answer(`{"accepted":"true","id":"'1'","code":"[1]"}`)},
		"answer.over_speed":    {answer(`{"accepted":"true","id":"'1'","over_speed":"status"}`)},
		"answer.refused":       {answer(`{"accepted":"true","id":"'1'","refused":"stat == 1"}`)},
		"reports.list":         {with(`"reports":{"list":"item.x",` + report + `}`), with(`"reports":{"list":"payload",` + report + `}`)},
		"reports.id":           {with(`"reports":{}`), with(`"reports":{` + strings.Replace(report, "'1'", "1.5", 1) + `}`)},
		"reports.phone":        {with(`"reports":{"id":"'1'"}`)},
		"reports.code":         {with(`"reports":{"id":"'1'","phone":"'1'","code":"1 +","delivered":"true"}`)},
		"reports.delivered":    {with(`"reports":{"id":"'1'","phone":"'1'","code":"'1'","delivered":"'true'"}`)},
		"reports.pending":      {with(`"reports":{` + report + `,"pending":"0"}`)},
		"reports.ref":          {with(`"reports":{` + report + `,"ref":"ref"}`)},
		"replies.list":         {with(`"replies":{"list":"1",` + reply + `}`)},
		"replies.id":           {with(`"replies":{"id":"md5('')",` + reply + `}`)},
		"replies.phone":        {with(`"replies":{}`)},
		"replies.dest":         {with(`"replies":{"phone":"'1'"}`)},
		"replies.text":         {with(`"replies":{"phone":"'1'","dest":"'1'","text":"secret"}`)},
		"accept.type":          {with(`"accept":{"type":"","body":""}`), with(`"accept":{"type":"text/plain\r\nX: y","body":""}`)},
	} {
		for _, description := range list {
			if _, err := NewCustom(customAccount(t, description, "http://127.0.0.1:1")); err == nil || !strings.HasPrefix(err.Error(), "options.http."+field+": ") {
				t.Errorf("%s: got %v, want options.http.%s", description, err, field)
			}
		}
	}
	a := customAccount(t, with(`"accept":{"type":"text/plain","body":"OK"}`), "http://127.0.0.1:1")
	if _, err := NewCustom(a); err != nil {
		t.Error(err)
	}
	a.Address = "127.0.0.1:1"
	if _, err := NewCustom(a); err == nil || !strings.HasPrefix(err.Error(), "address: ") {
		t.Errorf("got %v", err)
	}
	a.HTTP = nil
	if _, err := NewCustom(a); err == nil || !strings.HasPrefix(err.Error(), "options.http: ") {
		t.Errorf("got %v", err)
	}
}

// Whatever comes, a callback is read or refused, and what was read of it is bounded.
func FuzzCustomCallback(f *testing.F) {
	var apis []*Custom
	for _, u := range upstreams {
		a := customAccount(f, u.description, "http://127.0.0.1:1")
		for _, verify := range []*registry.UpstreamSign{a.HTTP.Verify, nil} {
			a.HTTP.Verify = verify
			api, err := NewCustom(a)
			if err != nil {
				f.Fatal(err)
			}
			apis = append(apis, api)
		}
		for _, at := range []string{"reports", "replies"} {
			r, m := u.posts("http://127.0.0.1/" + at)
			for _, post := range []*http.Request{r, m} {
				payload, err := io.ReadAll(post.Body)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(payload, post.URL.RawQuery, post.Header.Get("Content-Type"), post.Header.Get("X-Timestamp"))
			}
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte, query, media, stamp string) {
		r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: "/r", RawQuery: query}, Header: http.Header{
			"Content-Type": {media}, "X-Timestamp": {stamp}, "X-Nonce": {"n"}, "X-Signature": {hash256(stamp + "n" + string(payload))},
			"Authorization": {"Bearer s3cret"},
		}}
		for _, api := range apis {
			reports, err := api.Reports(&Callback{Request: r, Payload: payload})
			if len(reports) > maxEntries || errors.Is(err, ErrSignature) && len(reports) > 0 {
				t.Errorf("%d reports (%v)", len(reports), err)
			}
			for _, r := range reports {
				if _, err := sms.ParseMSISDN(r.Dest); err != nil || r.ID == "" || r.Stat == "" || max(len(r.ID), len(r.Stat), len(r.Err), len(r.Ref)) > maxID {
					t.Errorf("%+v (%v)", r, err)
				}
			}
			replies, err := api.Replies(&Callback{Request: r, Payload: payload})
			if len(replies) > maxEntries || errors.Is(err, ErrSignature) && len(replies) > 0 {
				t.Errorf("%d replies (%v)", len(replies), err)
			}
			for _, m := range replies {
				if _, err := sms.ParseMSISDN(m.Source); err != nil || len(m.ID) > maxID || len(m.Content) > 2*maxReply {
					t.Errorf("%+v (%v)", m, err)
				}
			}
		}
	})
}
