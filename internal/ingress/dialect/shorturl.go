package dialect

import (
	"context"
	"strconv"
	"strings"

	"github.com/zhunxin/zhunxin/internal/shortlink"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// aliyunShort is a short link as AddShortUrl answers it, or QueryShortUrl.
type aliyunShort struct {
	aliyunReply
	Data struct {
		ShortURL           string `json:"ShortUrl" xml:"ShortUrl"`
		SourceURL          string `json:"SourceUrl" xml:"SourceUrl"`
		ExpireDate         string
		ShortURLName       string `json:"ShortUrlName,omitempty" xml:"ShortUrlName,omitempty"`
		ShortURLStatus     string `json:"ShortUrlStatus,omitempty" xml:"ShortUrlStatus,omitempty"`
		CreateDate         string `json:",omitempty" xml:",omitempty"`
		PageViewCount      string `json:",omitempty" xml:",omitempty"`
		UniqueVisitorCount string `json:",omitempty" xml:",omitempty"`
	}
}

func (x *aliyunShort) of(l *shortlink.Link) {
	x.Data.ShortURL, x.Data.SourceURL, x.Data.ExpireDate = l.Address(), l.Target, wall(l.ExpiresAt)
}

func aliyunAddShort(ctx context.Context, s *Server, r *request) (any, error) {
	days, err := strconv.Atoi(r.Params["EffectiveDays"])
	if err != nil {
		return nil, sms.Errorf(sms.BadRequest, "EffectiveDays", "it is no number of days")
	}
	out := &aliyunShort{}
	err = s.change(ctx, r, r.aliyunKey(), nil, out, func(ctx context.Context, tx Tx) error {
		l, err := shortlink.Create(ctx, tx, r.who.Snap, s.IDs, shortlink.Order{
			Application: r.who.App.ID, Key: r.who.Key.ID, Target: r.Params["SourceUrl"], Name: r.Params["ShortUrlName"], Days: days,
		})
		if err == nil {
			out.of(l)
		}
		return err
	})
	return out, err
}

func aliyunQueryShort(ctx context.Context, s *Server, r *request) (any, error) {
	address := r.Params["ShortUrl"]
	if _, after, ok := strings.Cut(address, "://"); ok {
		address = after
	}
	host, path, _ := strings.Cut(address, "/")
	if err := s.once(ctx, r); err != nil {
		return nil, err
	}
	out := &aliyunShort{}
	err := s.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		l, found, err := tx.ShortLink(ctx, strings.ToLower(host), path)
		if err != nil {
			return err
		}
		if !found || l.ApplicationID != r.who.App.ID {
			return sms.Errorf(sms.NotFound, "ShortUrl", "you have no such short link")
		}
		out.of(&l)
		d := &out.Data
		d.ShortURLName, d.CreateDate = l.Name, wall(l.CreatedAt)
		d.PageViewCount, d.UniqueVisitorCount = strconv.FormatInt(l.Views, 10), strconv.FormatInt(l.Visitors(), 10)
		if d.ShortURLStatus = "expired"; l.Live(s.Now().UnixMilli()) {
			d.ShortURLStatus = "effective"
		}
		return nil
	})
	return out, err
}

func aliyunDeleteShort(ctx context.Context, s *Server, r *request) (any, error) {
	to, err := shortlink.Target(r.Params["SourceUrl"])
	if err != nil {
		return nil, err
	}
	out := &aliyunReply{}
	err = s.change(ctx, r, r.aliyunKey(), nil, out, func(ctx context.Context, tx Tx) error {
		l, found, err := tx.ShortLinkTo(ctx, r.who.App.ID, to.String())
		if err != nil {
			return err
		}
		if !found {
			return sms.Errorf(sms.NotFound, "SourceUrl", "you have no short link that leads there")
		}
		_, err = tx.RemoveShortLink(ctx, r.who.App.ID, l.ID, s.Now().UnixMilli())
		return err
	})
	return out, err
}
