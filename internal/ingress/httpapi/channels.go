package httpapi

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/netip"
	"reflect"
	"strings"

	"github.com/zhunxin/zhunxin/internal/channel"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
	"github.com/zhunxin/zhunxin/internal/vendorcode"
)

// ChannelIn stores a channel with its secret.
type ChannelIn struct {
	ID   string `path:"id" maxLength:"20" doc:"id, or new"`
	Body struct {
		registry.Channel
		Secret     string `json:"secret,omitempty" maxLength:"2000" doc:"given by the carrier, of protocols with PDUs at most 64 characters; empty leaves the stored one"`
		BackSecret string `json:"back_secret,omitempty" maxLength:"64" doc:"SGIP: the password by which the gateway logs in to our listener, at most 16 characters. HTTP upstreams: what stands in the address of their callbacks, 16 letters and digits or more. Empty leaves the stored one; the first of an HTTP upstream is made"`
	}
}

// ChannelOut shows a channel, and where its upstream's callbacks go when that was set now.
type ChannelOut struct {
	Body struct {
		registry.Channel
		Reports string `json:"callback_reports,omitempty" doc:"HTTP upstreams: path to which it is to bring status reports. It holds a secret and is shown once"`
		Replies string `json:"callback_replies,omitempty" doc:"the same for messages from handsets"`
	}
}

// SelfTestIn asks whether an SGIP gateway could reach our listener.
type SelfTestIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Address string `json:"address" maxLength:"255" doc:"host:port that was given to the carrier for its connection to us"`
	}
}

// SelfTestOut is what came of it.
type SelfTestOut struct {
	Body struct {
		Reached bool   `json:"reached"`
		Error   string `json:"error,omitempty"`
	}
}

// ChannelsOut lists the channels with how they do.
type ChannelsOut struct {
	Body struct {
		Channels []channel.State `json:"channels"`
	}
}

// FiledIn asks an upstream for templates that were filed with it.
type FiledIn struct {
	ID    string `path:"id" maxLength:"20"`
	After Cursor `query:"after" doc:"only templates with a greater id; of a page's last one the next page begins"`
}

// FiledOut is a page of what it says.
type FiledOut struct {
	Body struct {
		Templates []channel.FiledState `json:"templates"`
		Wrong     int                  `json:"wrong" doc:"how many of them are not as the channel has them, or can't be used"`
	}
}

// filedPage is how many templates are asked for in one call.
const filedPage = 50

func (a *API) adminChannels() {
	operation(a, ScopeAdmin, adminOp("put-channels", http.MethodPut, "/v1/admin/channels/{id}", "Channel 通道"), a.putChannel)
	operation(a, ScopeAdmin, adminOp("self-test", http.MethodPost, "/v1/admin/channels/{id}/self-test", "Can the SGIP gateway reach us? 反向连接自检"), a.selfTest)
	operation(a, ScopeAdmin, adminOp("filed-templates", http.MethodGet, "/v1/admin/channels/{id}/filed-templates", "What does the upstream say of our templates? 上游模板核对"), a.filed)
	operation(a, ScopeAdmin, adminOp("channels", http.MethodGet, "/v1/admin/channels", "Channels and how they do 通道状态"), func(ctx context.Context, _ *struct{}) (*ChannelsOut, error) {
		if !operatorAdmin(callerOf(ctx)) {
			return nil, errOperator()
		}
		out := &ChannelsOut{}
		out.Body.Channels = a.Channels()
		return out, nil
	})
}

func (a *API) putChannel(ctx context.Context, in *ChannelIn) (*ChannelOut, error) {
	c := callerOf(ctx)
	if !operatorAdmin(c) {
		return nil, errOperator()
	}
	id, err := objectID(a, in.ID)
	if err != nil {
		return nil, err
	}
	ch := in.Body.Channel
	ch.ID = id
	old := c.snap.Channel[id]
	secret := in.Body.Secret
	if secret == "" && old != nil && len(old.Secret) > 0 {
		secret = "stored"
	}
	if err := checkChannel(c.snap, &ch, secret); err != nil {
		return nil, err
	}
	if err := checkSecrets(&ch, in.Body.Secret, in.Body.BackSecret); err != nil {
		return nil, err
	}
	if old != nil {
		ch.Secret, ch.BackSecret = old.Secret, old.BackSecret
	}
	if in.Body.Secret != "" {
		ch.Secret = a.Keys.Seal(vault.PurposeLogin, []byte(in.Body.Secret))
	}
	back := in.Body.BackSecret
	if ch.ByWeb() && back == "" && (old == nil || !old.ByWeb()) {
		back = rand.Text()
	}
	if back != "" {
		ch.BackSecret = a.Keys.Seal(vault.PurposeLogin, []byte(back))
	}
	out := &ChannelOut{}
	out.Body.Channel = ch
	if ch.ByWeb() && back != "" {
		out.Body.Reports, out.Body.Replies = channel.CallbackPath(id, back, "reports"), channel.CallbackPath(id, back, "replies")
	}
	return out, a.store(ctx, c, "put channels", id, ch, revokes(old, &ch))
}

// revokes is what a change of a channel takes away from messages that wait: all of it,
// or what was permitted by what it was: PDUs or whole texts, source numbers, templates.
func revokes(old, ch *registry.Channel) string {
	if ch.State == registry.Active && old != nil && !reflect.DeepEqual(permits(old), permits(ch)) {
		return "template"
	}
	return freeze(ch.State)
}

// permits is what of a channel decisions rest on.
func permits(c *registry.Channel) []any {
	o := &c.Options
	return []any{
		c.Protocol, c.Carrier, c.Vendor(), c.Splitting(), c.AccessCodeID, c.UpstreamID, c.Categories,
		o.Replies, o.MKTOpen, o.MKTClose, o.SignatureMax, o.MKTVariables, o.Industries, o.RefileStale, o.EntityTypes, c.Provinces, o.Cloud, o.Peer, o.Transfer,
	}
}

// checkChannel tells what is wrong with a definition; secret is empty when there is none.
func checkChannel(snap *registry.Snapshot, ch *registry.Channel, secret string) error {
	for _, text := range strings.Split(ch.Options.BackAllow, ",") {
		if _, err := netip.ParsePrefix(strings.TrimSpace(text)); err != nil && ch.Options.BackAllow != "" {
			return sms.Errorf(sms.BadRequest, "body.options.back_allow", "%q is no range such as 192.0.2.0/24", text)
		}
	}
	if b := ch.Options.BackLogin; b != "" {
		for _, x := range snap.Channels { // the gateway's log-in must tell which channel it brings reports for
			if x.ID != ch.ID && x.Options.BackLogin == b {
				return sms.Errorf(sms.BadRequest, "body.options.back_login", "channel %s has it already", x.ID)
			}
		}
	}
	if v := ch.Options.Vendor; v != "" && v != ch.Vendor() {
		return sms.Errorf(sms.BadRequest, "body.options.vendor", "%s is what the protocol says; leave it out", ch.Vendor())
	}
	if o := &ch.Options; (o.MKTOpen != 0 || o.MKTClose != 0) && o.MKTOpen >= o.MKTClose {
		return sms.Errorf(sms.BadRequest, "body.options.mkt_close", "the hours begin at minute %d, which is not before %d", o.MKTOpen, o.MKTClose)
	}
	if _, err := sms.ParseCoverage(ch.Provinces); err != nil {
		return sms.Errorf(sms.BadRequest, "body.provinces", "%s", err)
	}
	if err := vendorcode.Check(ch); err != nil {
		return sms.Errorf(sms.BadRequest, "body.options.codes", "%s", err)
	}
	if !ch.ByWeb() {
		if ch.Options.Split.Whole {
			return sms.Errorf(sms.BadRequest, "body.options.split.whole", "%s takes PDUs; leave it out", ch.Protocol)
		}
		return nil
	}
	if ch.Options.Split != (registry.Splitting{}) {
		return sms.Errorf(sms.BadRequest, "body.options.split", "the upstream splits texts itself; leave it out")
	}
	if err := channel.Check(ch, secret); err != nil {
		return sms.Errorf(sms.BadRequest, "body", "%s", err)
	}
	return checkFiled(snap, ch)
}

// checkFiled compares the upstream's texts with ours.
func checkFiled(snap *registry.Snapshot, ch *registry.Channel) error {
	if ch.Options.Cloud == nil {
		return nil
	}
	seen := map[sms.ID]bool{}
	for i := range ch.Options.Cloud.Templates {
		t, at := &ch.Options.Cloud.Templates[i], fmt.Sprintf("body.options.cloud.templates[%d]", i)
		w := snap.Wording(t.TemplateID)
		switch {
		case seen[t.TemplateID]:
			return sms.Errorf(sms.BadRequest, at+".template_id", "template %s stands twice", t.TemplateID)
		case w == nil:
			return sms.Errorf(sms.BadRequest, at+".template_id", "template %s has no approved version", t.TemplateID)
		case w.Version.Version != t.Version:
			return sms.Errorf(sms.BadRequest, at+".version", "the approved version of template %s is %d: file that one, or leave the template out", t.TemplateID, w.Version.Version)
		}
		seen[t.TemplateID] = true
		names, err := t.Names(ch.Protocol, w.Wording)
		if err == nil && ch.Protocol == registry.ByTencent {
			_, err = registry.Positions(names)
		}
		if err != nil {
			return sms.Errorf(sms.BadRequest, at+".body", "%s", err)
		}
	}
	return nil
}

// checkSecrets tells which secret the channel's protocol can't carry.
func checkSecrets(ch *registry.Channel, secret, back string) error {
	switch {
	case !ch.ByWeb() && len(secret) > 64:
		return sms.Errorf(sms.BadRequest, "body.secret", "it has %d characters, the most is 64", len(secret))
	case !ch.ByWeb() && len(back) > 16:
		return sms.Errorf(sms.BadRequest, "body.back_secret", "it has %d characters, the most is 16", len(back))
	case ch.ByWeb() && back != "" && (len(back) < channel.MinToken || strings.Trim(back, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != ""):
		return sms.Errorf(sms.BadRequest, "body.back_secret", "it stands in an address and is the only secret of most callbacks: use at least %d letters and digits", channel.MinToken)
	}
	return nil
}

// channelOf finds the channel that an administrator of the operator's names.
func channelOf(c caller, text string) (*registry.Channel, error) {
	if !operatorAdmin(c) {
		return nil, errOperator()
	}
	id, err := sms.ParseID(text)
	if err != nil {
		return nil, sms.Errorf(sms.NotFound, "path.id", "%s", err)
	}
	ch := c.snap.Channel[id]
	if ch == nil {
		return nil, sms.Errorf(sms.NotFound, "path.id", "there is no channel %s", id)
	}
	return ch, nil
}

// selfTest logs in as the gateway would, at the address that the carrier was given.
func (a *API) selfTest(ctx context.Context, in *SelfTestIn) (*SelfTestOut, error) {
	ch, err := channelOf(callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	if ch.Options.BackLogin == "" {
		return nil, sms.Errorf(sms.NotFound, "path.id", "channel %s is no SGIP channel with a back_login", ch.ID)
	}
	out := &SelfTestOut{}
	if err := a.SelfTest(ctx, ch, in.Body.Address); err != nil {
		out.Body.Error = err.Error()
		return out, nil
	}
	out.Body.Reached = true
	return out, nil
}

// filed asks the upstream what it has on file.
func (a *API) filed(ctx context.Context, in *FiledIn) (*FiledOut, error) {
	ch, err := channelOf(callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	if !ch.ByTemplate() || ch.Options.Cloud == nil || ch.Protocol == registry.ByHTTP {
		return nil, sms.Errorf(sms.NotFound, "path.id", "the upstream of channel %s can't be asked for templates: it is none of aliyun and tencent", ch.ID)
	}
	list, err := a.Filed(ctx, ch, channel.FiledAfter(ch, sms.ID(in.After), filedPage))
	if err != nil {
		return nil, &sms.Error{Code: sms.Busy, Field: "path.id", Detail: "the upstream does not say: " + err.Error(), Cause: err}
	}
	out := &FiledOut{}
	out.Body.Templates = list
	for i := range list {
		if !list[i].Same || !list[i].Usable {
			out.Body.Wrong++
		}
	}
	return out, nil
}
