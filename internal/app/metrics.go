package app

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/zhunxin/zhunxin/internal/dispatch"
	"github.com/zhunxin/zhunxin/internal/inbound"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// latencies are what the stages of a message take.
type latencies struct {
	decision, answer, report prometheus.Histogram
}

func newLatencies() latencies {
	h := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: "zhunxin_" + name + "_seconds", Help: help, Buckets: prometheus.ExponentialBuckets(0.001, 2, 18)})
	}
	return latencies{
		decision: h("gate_decision", "From the arrival of a call to its commit."),
		answer:   h("carrier_answer", "From the writing of a PDU to the carrier's answer."),
		report:   h("message_report", "From the acceptance of a message to the booking of its report."),
	}
}

// metrics is the node's state for Prometheus. Numbers and texts are in no label.
func (p *Platform) metrics() http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	counter := func(name, help string, value func() int64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "zhunxin_" + name, Help: help}, func() float64 { return float64(value()) }))
	}
	gauge := func(name, help string, value func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "zhunxin_" + name, Help: help}, value))
	}
	r.MustRegister(p.latency.decision, p.latency.answer, p.latency.report)
	g, w, in := p.Gate.Stats(), &p.Worker.Stats, &p.Receiver.Stats
	counter("gate_batches_total", "Transactions that decided.", g.Batches.Load)
	counter("gate_calls_total", "Calls that were decided.", g.Calls.Load)
	counter("gate_permitted_total", "Recipients that were permitted or wait.", g.Permitted.Load)
	counter("gate_refused_total", "Recipients that were refused.", g.Refused.Load)
	counter("gate_busy_total", "Calls that were told to come again.", g.Busy.Load)
	counter("gate_failed_total", "Calls that could not be decided.", g.Failed.Load)
	gauge("rulebook_usable", "Whether this node can load the rule packs in force: 0 decides nothing.", func() float64 {
		if snap, _, err := p.Gate.InForce(context.Background()); snap != nil && err != nil {
			return 0
		}
		return 1
	})
	gauge("gate_waiting", "Recipients that wait for their decision.", func() float64 { return float64(g.Waiting.Load()) })
	gauge("gate_waiting_bound", "Most recipients that may wait.", func() float64 { return float64(p.Config.Gate.Queue) })
	counter("dispatch_cycles_total", "Transactions of dispatch.", w.Cycles.Load)
	counter("dispatch_claimed_total", "Messages that passed the second look.", w.Claimed.Load)
	counter("dispatch_cancelled_total", "Messages that the second look ended, or found moved.", w.Cancelled.Load)
	counter("dispatch_sent_back_total", "Messages that were sent back to the gate.", w.SentBack.Load)
	counter("dispatch_pdus_total", "PDUs that were handed to a connection.", w.Written.Load)
	counter("dispatch_answers_total", "Answers that were booked.", w.Answers.Load)
	counter("dispatch_moved_total", "Queued messages that went to another channel of their permit.", w.Moved.Load)
	counter("store_fold_failures_total", "Times that the log of SQLite could not be folded whole into its file.", p.DB.FoldFailures)
	counter("store_index_failures_total", "Times that recipient events could not be indexed.", p.DB.IndexFailures)
	counter("dispatch_damaged_total", "Readings of queued messages that do not open.", w.Damaged.Load)
	counter("dispatch_failures_total", "Transactions of dispatch that failed.", w.Failures.Load)
	counter("reports_total", "Reports that were stored.", in.Reports.Load)
	counter("reports_unmatched_total", "Reports that matched no submit when they came.", in.Unmatched.Load)
	counter("reports_duplicate_total", "Reports that came again.", func() int64 { return in.Duplicates.Load() + w.Twice.Load() })
	counter("reports_early_total", "Reports that came before the answers to their submits, and were matched with them; each was unmatched first.", w.Early.Load)
	counter("reports_late_total", "Reports that came after the message had been given up for want of one.", in.Late.Load)
	counter("reports_partial_total", "Times that reports left a message of which other segments have no report yet.", func() int64 { return in.Partial.Load() + w.Partly.Load() })
	counter("mo_total", "Messages from handsets.", in.MOs.Load)
	counter("mo_optout_total", "Of these, opt-outs.", in.OptOuts.Load)
	counter("campaign_chunks_total", "Chunks of campaigns that this node submitted.", p.Campaign.Stats.Chunks.Load)
	counter("campaign_rows_total", "Rows of campaigns that this node submitted.", p.Campaign.Stats.Rows.Load)
	counter("campaign_waits_total", "Times that a campaign waited for its earlier messages to leave.", p.Campaign.Stats.Waits.Load)
	counter("store_rows_total", "Rows that were changed.", p.DB.Rows)
	gauge("reports_backlog", "Reports that wait to be stored.", func() float64 { return float64(p.Receiver.Backlog()) })
	gauge("reports_backlog_bound", "Most reports that may wait.", func() float64 { return inbound.MaxReports })
	gauge("queue_depth_bound", "Most messages of one channel in memory; the others wait in the database.", func() float64 { return dispatch.MaxQueue })
	gauge("oldest_queued_seconds", "Age of the oldest message in memory that waits for a channel.", func() float64 {
		oldest := p.Worker.Oldest()
		if oldest == 0 {
			return 0
		}
		return max(0, p.Now().Sub(time.UnixMilli(oldest)).Seconds())
	})
	r.MustRegister(&snapshotCollector{p: p})
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}

// snapshotCollector reads what has labels, or costs a query, at each scrape.
type snapshotCollector struct{ p *Platform }

var (
	descQueue    = prometheus.NewDesc("zhunxin_queue_depth", "Messages in memory for a channel.", []string{"channel", "class"}, nil)
	descSessions = prometheus.NewDesc("zhunxin_channel_sessions", "Sessions that are logged in.", []string{"channel"}, nil)
	descWanted   = prometheus.NewDesc("zhunxin_channel_sessions_wanted", "Sessions that should be.", []string{"channel"}, nil)
	descCredit   = prometheus.NewDesc("zhunxin_channel_credit", "PDUs that may be written at once.", []string{"channel"}, nil)
	descBreaker  = prometheus.NewDesc("zhunxin_channel_breaker", "1 for the state in which the channel's breaker is.", []string{"channel", "state"}, nil)
	descTrips    = prometheus.NewDesc("zhunxin_channel_breaker_changes_total", "Times that the channel's breaker came to a state.", []string{"channel", "state"}, nil)
	descPending  = prometheus.NewDesc("zhunxin_evidence_pending_leaves", "Leaves that have no place in the tree yet.", nil, nil)
	descTurns    = prometheus.NewDesc("zhunxin_store_transactions_total", "Write transactions.", []string{"class"}, nil)
	descWait     = prometheus.NewDesc("zhunxin_store_wait_seconds_total", "Time that write transactions waited for the writer.", []string{"class"}, nil)
	descSpent    = prometheus.NewDesc("zhunxin_store_spent_seconds_total", "Time that write transactions took.", []string{"class"}, nil)
	descOldest   = prometheus.NewDesc("zhunxin_oldest_pending_seconds", "How long the message has not moved that has stood longest in a state.", []string{"state"}, nil)
	descCampaign = prometheus.NewDesc("zhunxin_campaigns", "Campaigns that are not over, by state.", []string{"state"}, nil)
	descLag      = prometheus.NewDesc("zhunxin_evidence_lag_seconds", "Age of the oldest leaf without a place.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c *snapshotCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descQueue, descSessions, descWanted, descCredit, descBreaker, descTrips, descPending, descLag, descOldest, descCampaign, descTurns, descWait, descSpent} {
		ch <- d
	}
}

var classNames = [sms.NumClasses]string{"OTP", "NOTICE", "PUBLIC", "MKT"}

// scrapePatience bounds the query of one scrape.
const scrapePatience = 5 * time.Second

// Collect implements prometheus.Collector.
func (c *snapshotCollector) Collect(ch chan<- prometheus.Metric) {
	value := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, s := range c.p.Channels.States() {
		value(descSessions, float64(s.Sessions), s.Name)
		value(descWanted, float64(s.Wanted), s.Name)
		value(descCredit, float64(s.Credit), s.Name)
		health := c.p.Worker.Health(s.ID)
		for _, state := range []dispatch.BreakerState{dispatch.Closed, dispatch.Open, dispatch.HalfOpen} {
			in := 0.0
			if health.State == state {
				in = 1
			}
			value(descBreaker, in, s.Name, string(state))
			ch <- prometheus.MustNewConstMetric(descTrips, prometheus.CounterValue, float64(health.Changes[state]), s.Name, string(state))
		}
		for class, n := range c.p.Worker.Depth(s.ID) {
			value(descQueue, float64(n), s.Name, classNames[class])
		}
	}
	for _, t := range c.p.DB.TurnStats() {
		total := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, t.Class.String())
		}
		total(descTurns, float64(t.Count))
		total(descWait, t.Wait.Seconds())
		total(descSpent, t.Spent.Seconds())
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
	defer cancel()
	err := c.p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) error {
		n, oldest, err := tx.CountPendingLeaves(ctx)
		if err != nil {
			return err
		}
		lag := 0.0
		if n > 0 {
			lag = max(0, c.p.Now().Sub(time.UnixMilli(oldest)).Seconds())
		}
		value(descPending, float64(n))
		value(descLag, lag)
		if err := tx.CountCampaignStates(ctx, func(state string, n int) { value(descCampaign, float64(n), state) }); err != nil {
			return err
		}
		return tx.OldestOpen(ctx, func(state sms.State, since int64) {
			age := 0.0
			if since > 0 {
				age = max(0, c.p.Now().Sub(time.UnixMilli(since)).Seconds())
			}
			value(descOldest, age, string(state))
		})
	})
	if err != nil {
		ch <- prometheus.NewInvalidMetric(descPending, err)
		c.p.Logger.Error("a scrape could not read the store", "err", err)
	}
}
