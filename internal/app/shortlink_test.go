package app

import (
	"io"
	"net/http"
	"strings"
	"testing"

	dysms "github.com/alibabacloud-go/dysmsapi-20170525/v5/client"
	"github.com/alibabacloud-go/tea/dara"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/shortlink"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// follow opens an address of a short link as a browser does, and tells where it leads.
func (n *node) follow(address, agent string) (status int, to, page string) {
	n.t.Helper()
	host, path, _ := strings.Cut(address, "/")
	req, err := http.NewRequestWithContext(n.t.Context(), http.MethodGet, "http://"+n.addrs.HTTP.String()+"/"+path, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	req.Host = host
	req.Header.Set("User-Agent", agent)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Location"), string(body)
}

// linkHost registers a host of the customer's domain.
func (n *node) linkHost(state string) registry.LinkHost {
	n.t.Helper()
	party := n.registry().Party[n.registry().Application[n.application()].PartyID]
	h := registry.LinkHost{PartyID: party.ID, Host: "s.shop.example", Domain: "shop.example", Record: "示例ICP备00000000号", Filer: party.Name, State: state}
	at := "new"
	if x := n.registry().LinkHost(h.Host); x != nil {
		h.ID, at = x.ID, x.ID.String()
	}
	if status := n.as(n.adminKey(), http.MethodPut, "/v1/admin/link-hosts/"+at, h, &h); status != http.StatusOK {
		n.t.Fatalf("%d %+v", status, h)
	}
	n.wait("the host is known", func() bool {
		status, _, page := n.follow(h.Host+"/unknown", phone)
		return status == http.StatusNotFound && strings.Contains(page, "没有这个链接")
	})
	return h
}

const phone = "Mozilla/5.0 (Linux; Android 14)"

// TPL-10: a short link is on the sender's own filed domain, leads to that domain, and nowhere
// else, and its visits are counted without keeping who came.
func TestTPL10ShortLinksStayOnTheirDomain(t *testing.T) {
	everywhere(t, func(n *node) {
		shop := n.key
		ask := func(target string, days int, into any) int {
			return n.as(shop, http.MethodPost, "/v1/short-links", map[string]any{"target": target, "name": "夏季", "days": days}, into)
		}
		var refused struct{ Code sms.Code }
		if ask("https://www.shop.example/summer", 7, &refused); refused.Code != sms.LinkForbidden {
			n.t.Errorf("without a host of its own: %+v", refused)
		}
		h := n.linkHost(registry.Active)
		other := h
		other.ID, other.Host, other.Filer = 0, "t.shop.example", "另一家示例公司"
		if n.as(n.adminKey(), http.MethodPut, "/v1/admin/link-hosts/new", other, &refused); refused.Code != sms.LinkForbidden {
			n.t.Errorf("a domain that another company filed: %+v", refused)
		}
		other.Filer, other.Host = h.Filer, "shop.example.evil.example"
		if n.as(n.adminKey(), http.MethodPut, "/v1/admin/link-hosts/new", other, &refused); refused.Code != sms.BadRequest {
			n.t.Errorf("a host of another domain: %+v", refused)
		}
		for _, target := range []string{"https://evil.example/", "https://notshop.example/", "https://shop.example.evil.example/", "https://s.shop.example/abcdefg"} {
			if ask(target, 7, &refused); refused.Code != sms.LinkForbidden {
				n.t.Errorf("%s: %+v", target, refused)
			}
		}
		var made shortlink.LinkView
		if status := ask("https://WWW.shop.example/summer?from=sms", 7, &made); status != http.StatusOK || !strings.HasPrefix(made.Address, "s.shop.example/") || !made.Live {
			n.t.Fatalf("%d %+v", status, made)
		}
		for _, agent := range []string{phone, phone, "Mozilla/5.0 (iPhone)", "SomeBot/1.0", ""} {
			if status, to, _ := n.follow(made.Address, agent); status != http.StatusFound || to != "https://www.shop.example/summer?from=sms" {
				n.t.Errorf("%q: %d %s", agent, status, to)
			}
		}
		for _, path := range []string{"/abcdefg", "/v1/balance", "/", "/healthz"} {
			if status, _, page := n.follow(h.Host+path, phone); status != http.StatusNotFound || !strings.Contains(page, "没有这个链接") {
				n.t.Errorf("%s: %d %s", path, status, page)
			}
		}
		list := func() shortlink.LinkView {
			var out struct{ Links []shortlink.LinkView }
			if n.as(shop, http.MethodGet, "/v1/short-links", nil, &out); len(out.Links) != 1 {
				n.t.Fatalf("%+v", out)
			}
			return out.Links[0]
		}
		n.wait("visits", func() bool { return list().Views == 3 })
		if v := list(); v.Visitors != 2 {
			n.t.Errorf("%+v", v)
		}
		n.linkHost(registry.Revoked)
		n.wait("its host is revoked", func() bool {
			status, to, _ := n.follow(made.Address, phone)
			return status == http.StatusGone && to == ""
		})
		n.linkHost(registry.Active)
		n.wait("its host is back", func() bool {
			status, _, _ := n.follow(made.Address, phone)
			return status == http.StatusFound
		})
		if status := n.as(shop, http.MethodDelete, "/v1/short-links/"+made.ID.String(), nil, nil); status != http.StatusNoContent {
			n.t.Errorf("%d", status)
		}
		if status, to, page := n.follow(made.Address, phone); status != http.StatusGone || to != "" || !strings.Contains(page, "链接已失效") {
			n.t.Errorf("it was removed: %d %s %s", status, to, page)
		}
	})
}

func TestAliyunShortLinks(t *testing.T) {
	everywhere(t, func(n *node) {
		n.linkHost(registry.Active)
		client := n.aliyun(n.signing("send,read"), nil)
		source := dara.String("https://www.shop.example/autumn")
		added, err := client.AddShortUrl(&dysms.AddShortUrlRequest{SourceUrl: source, ShortUrlName: dara.String("秋季"), EffectiveDays: dara.String("30")})
		if err != nil || *added.Body.Code != "OK" || *added.Body.Data.SourceUrl != *source || *added.Body.Data.ExpireDate == "" {
			n.t.Fatalf("%v %+v", err, added)
		}
		short := added.Body.Data.ShortUrl
		dry, again := map[string]*string{"X-Dry-Run": dara.String("true")}, map[string]*string{"x-acs-idempotency-key": dara.String("winter")}
		ask := func(headers map[string]*string) string {
			n.t.Helper()
			out, err := client.AddShortUrlWithOptions(&dysms.AddShortUrlRequest{SourceUrl: dara.String("https://shop.example/winter"), EffectiveDays: dara.String("1")},
				&dara.RuntimeOptions{ExtendsParameters: &dara.ExtendsParameters{Headers: headers}})
			if err != nil || *out.Body.Code != "OK" {
				n.t.Fatalf("%v %+v", err, out)
			}
			return dara.StringValue(out.Body.Data.ShortUrl)
		}
		_, path, _ := strings.Cut(ask(dry), "/")
		if status, to, _ := n.follow("s.shop.example/"+path, phone); status != http.StatusNotFound {
			n.t.Errorf("what was only tried leads to %q", to)
		}
		if first := ask(again); first != ask(again) {
			n.t.Error("a repetition got another link")
		}
		if status, to, _ := n.follow(*short, phone); status != http.StatusFound || to != *source {
			n.t.Errorf("%d %s", status, to)
		}
		query := func() *dysms.QueryShortUrlResponseBody {
			out, err := client.QueryShortUrl(&dysms.QueryShortUrlRequest{ShortUrl: short})
			if err != nil {
				n.t.Fatal(err)
			}
			return out.Body
		}
		n.wait("visits", func() bool { return *query().Data.PageViewCount == "1" })
		if d := query().Data; *d.UniqueVisitorCount != "1" || *d.ShortUrlStatus != "effective" || *d.ShortUrlName != "秋季" || *d.CreateDate == "" {
			n.t.Errorf("%+v", d)
		}
		for _, bad := range []*dysms.AddShortUrlRequest{
			{SourceUrl: dara.String("https://evil.example/"), EffectiveDays: dara.String("30")},
			{SourceUrl: source, EffectiveDays: dara.String("many")},
			{SourceUrl: source, EffectiveDays: dara.String("366")},
		} {
			if out, err := client.AddShortUrl(bad); err != nil || *out.Body.Code == "OK" || *out.Body.Message == "" {
				n.t.Errorf("%+v: %v %+v", bad, err, out)
			}
		}
		if out, err := client.DeleteShortUrl(&dysms.DeleteShortUrlRequest{SourceUrl: source}); err != nil || *out.Body.Code != "OK" {
			n.t.Errorf("%v %+v", err, out)
		}
		if out, err := client.DeleteShortUrl(&dysms.DeleteShortUrlRequest{SourceUrl: source}); err != nil || *out.Body.Code == "OK" {
			n.t.Errorf("removed twice: %v %+v", err, out)
		}
		if d := query().Data; *d.ShortUrlStatus != "expired" {
			n.t.Errorf("%+v", d)
		}
	})
}
