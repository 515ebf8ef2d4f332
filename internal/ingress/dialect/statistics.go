package dialect

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/risk"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Limits of statistics.
const (
	statisticsDays = 32
	packagesLimit  = 500
)

const (
	dayForm  = "20060102"
	hourForm = "2006010215"
)

// headerCounted tells from when on the figures of an answer are not whole.
const headerCounted = "X-Zhunxin-Counted-Until"

// counted is what was sent in an hour.
type counted struct {
	hour int64 // since 1970
	risk.Count
}

func (c *counted) accepted() int { return c.Messages - c.Refused }

// failures are those whose end was told as one, by a carrier or by the platform.
func (c *counted) failures() int { return c.Failed + c.Ended }

func (c *counted) add(x *risk.Count) {
	c.Messages, c.Refused, c.Delivered, c.Failed, c.Ended, c.Units = c.Messages+x.Messages, c.Refused+x.Refused, c.Delivered+x.Delivered, c.Failed+x.Failed, c.Ended+x.Ended, c.Units+x.Units
	c.BadNumber, c.Passing, c.OfCarrier, c.Blocked, c.TooOften = c.BadNumber+x.BadNumber, c.Passing+x.Passing, c.OfCarrier+x.OfCarrier, c.Blocked+x.Blocked, c.TooOften+x.TooOften
}

// sentIn lists what the request's application sent in the whole hours of a span.
func (s *Server) sentIn(ctx context.Context, r *request, from, to time.Time) (out []counted, err error) {
	first, end, until := from.Unix()/3600, to.Unix()/3600, int64(0)
	err = s.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		out = out[:0]
		until, err = risk.SentIn(ctx, tx, s.Codes, r.who.Snap, r.who.App, first, end, s.Now(), func(hour int64, c *risk.Count) { out = append(out, counted{hour, *c}) })
		return err
	})
	if err == nil && until < end {
		r.header.Set(headerCounted, time.Unix(until*3600, 0).In(rulebook.Shanghai).Format(time.RFC3339))
	}
	return out, err
}

// span checks one that statistics are asked for.
func span(from, to time.Time, fields string) error {
	if to.Before(from) || to.Sub(from) > statisticsDays*24*time.Hour {
		return sms.Errorf(sms.BadRequest, fields, "the end is not before the beginning and at most %d days after it", statisticsDays)
	}
	return nil
}

type aliyunDay struct {
	SendDate              string
	TotalCount            int
	RespondedSuccessCount int
	RespondedFailCount    int
	NoRespondedCount      int
}

type aliyunSentDays struct {
	aliyunReply
	Data struct {
		TotalSize  int
		TargetList []aliyunDay
	}
}

// aliyunWanted tells which counts a query is about.
func aliyunWanted(r *request) (func(*counted) bool, error) {
	p := r.Params
	var sig *registry.Signature
	if name := p["SignName"]; name != "" {
		if sig = r.who.Snap.SignatureOf(r.who.App.PartyID, name); sig == nil {
			return nil, r.signature(name, "SignName")
		}
	}
	globe := p["IsGlobe"]
	if globe != "1" && globe != "2" {
		return nil, sms.Errorf(sms.BadRequest, "IsGlobe", "it is 1, the mainland, or 2, abroad")
	}
	kinds := map[string]sms.Category{"": "", "0": sms.OTP, "1": sms.Notice, "2": sms.MKT, "3": ""}
	kind, ok := kinds[p["TemplateType"]]
	if !ok {
		return nil, sms.Errorf(sms.BadRequest, "TemplateType", "it is 0, a code, 1, a notice, 2, promotion, or 3, abroad")
	}
	return func(c *counted) bool {
		return (sig == nil || c.Signature == sig.ID) && c.Abroad == (globe == "2") && (kind == "" || c.Category == kind) && (p["TemplateType"] != "3" || c.Abroad)
	}, nil
}

// aliyunStatistics tells of each day on which something was accepted.
func aliyunStatistics(ctx context.Context, s *Server, r *request) (any, error) {
	p := r.Params
	from, err := time.ParseInLocation(dayForm, p["StartDate"], rulebook.Shanghai)
	to, err2 := time.ParseInLocation(dayForm, p["EndDate"], rulebook.Shanghai)
	if err != nil || err2 != nil {
		return nil, sms.Errorf(sms.BadRequest, "StartDate, EndDate", "each is a day like 20261123")
	}
	if err := span(from, to, "StartDate, EndDate"); err != nil {
		return nil, err
	}
	at, n, err := page(p, "PageSize", "PageIndex", aliyunPage)
	if err != nil {
		return nil, err
	}
	wanted, err := aliyunWanted(r)
	if err != nil {
		return nil, err
	}
	if err := s.paces.keep(r.who.Key.ID, counting); err != nil {
		return nil, err
	}
	if err := s.once(ctx, r); err != nil {
		return nil, err
	}
	list, err := s.sentIn(ctx, r, from, to.AddDate(0, 0, 1))
	if err != nil {
		return nil, err
	}
	days := map[string]*counted{}
	for i := range list {
		if c := &list[i]; c.accepted() > 0 && wanted(c) {
			day := time.Unix(c.hour*3600, 0).In(rulebook.Shanghai).Format(dayForm)
			if days[day] == nil {
				days[day] = &counted{}
			}
			days[day].add(&c.Count)
		}
	}
	out := &aliyunSentDays{}
	out.Data.TotalSize, out.Data.TargetList = len(days), []aliyunDay{}
	for _, day := range cut(slices.Sorted(maps.Keys(days)), at, n) {
		c := days[day]
		out.Data.TargetList = append(out.Data.TargetList, aliyunDay{day, c.accepted(), c.Delivered, c.failures(), c.accepted() - c.Delivered - c.failures()})
	}
	return out, nil
}

type tencentStatisticsIn struct {
	BeginTime, EndTime number // like 2026112313
	SmsSdkAppID        string `json:"SmsSdkAppId"`
	Limit, Offset      number
	// As 2019-07-11 calls them.
	StartDateTime, EndDataTime number
}

// tencentHours sums up what was sent in the hours of a request, both named ones included.
func (s *Server) tencentHours(ctx context.Context, r *request) (sum counted, err error) {
	var in tencentStatisticsIn
	if err := r.take(&in); err != nil {
		return sum, err
	}
	if r.old() {
		in.BeginTime, in.EndTime = in.StartDateTime, in.EndDataTime
	}
	if err := r.application(in.SmsSdkAppID); err != nil {
		return sum, err
	}
	from, err := in.BeginTime.hour()
	to, err2 := in.EndTime.hour()
	if err != nil || err2 != nil {
		return sum, sms.Errorf(sms.BadRequest, "BeginTime, EndTime", "each is an hour like 2026112313")
	}
	if err := span(from, to, "BeginTime, EndTime"); err != nil {
		return sum, err
	}
	if err := s.paces.keep(r.who.Key.ID, counting); err != nil {
		return sum, err
	}
	list, err := s.sentIn(ctx, r, from, to.Add(time.Hour))
	for i := range list {
		sum.add(&list[i].Count)
	}
	return sum, err
}

func (n number) hour() (time.Time, error) {
	return time.ParseInLocation(hourForm, strconv.FormatInt(int64(n), 10), rulebook.Shanghai)
}

type tencentSent struct {
	SendStatusStatistics struct{ FeeCount, RequestCount, RequestSuccessCount int }
	tencentMeta
}

// tencentSentStatistics tells of messages that were decided; units are those that are charged.
func tencentSentStatistics(ctx context.Context, s *Server, r *request) (any, error) {
	c, err := s.tencentHours(ctx, r)
	if err != nil {
		return nil, err
	}
	out := &tencentSent{}
	x := &out.SendStatusStatistics
	x.FeeCount, x.RequestCount, x.RequestSuccessCount = c.Units, c.Messages, c.accepted()
	return out, nil
}

type tencentReported struct {
	CallbackStatusStatistics struct {
		CallbackCount        int
		RequestSuccessCount  int
		CallbackFailCount    int
		CallbackSuccessCount int
		InternalErrorCount   int
		InvalidNumberCount   int
		ShutdownErrorCount   int
		BlackListCount       int
		FrequencyLimitCount  int
	}
	tencentMeta
}

// tencentReportStatistics tells how messages ended, and why they failed as far as the carriers'
// codes say: what says nothing is in no count but that of the failures.
func tencentReportStatistics(ctx context.Context, s *Server, r *request) (any, error) {
	c, err := s.tencentHours(ctx, r)
	if err != nil {
		return nil, err
	}
	out := &tencentReported{}
	x := &out.CallbackStatusStatistics
	x.RequestSuccessCount, x.CallbackCount, x.CallbackSuccessCount, x.CallbackFailCount = c.accepted(), c.Delivered+c.failures(), c.Delivered, c.failures()
	x.InternalErrorCount, x.InvalidNumberCount, x.ShutdownErrorCount, x.BlackListCount, x.FrequencyLimitCount = c.OfCarrier, c.BadNumber, c.Passing, c.Blocked, c.TooOften
	return out, nil
}

type tencentPackageSet struct {
	SmsPackagesStatisticsSet []struct{}
	tencentMeta
}

// tencentPackages lists none: a balance of money is no package of messages.
func tencentPackages(_ context.Context, _ *Server, r *request) (any, error) {
	var in tencentStatisticsIn
	if err := r.take(&in); err != nil {
		return nil, err
	}
	if in.Limit < 0 || in.Limit > packagesLimit || in.Offset < 0 {
		return nil, sms.Errorf(sms.BadRequest, "Limit, Offset", "Limit is 0 to %d, Offset no less than 0", packagesLimit)
	}
	if err := r.application(in.SmsSdkAppID); err != nil {
		return nil, err
	}
	return &tencentPackageSet{SmsPackagesStatisticsSet: []struct{}{}}, nil
}
