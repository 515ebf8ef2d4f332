package httpapi

import "github.com/zhunxin/zhunxin/internal/rulebook"

// ReportCode is why a message has no report, or that it has one.
type ReportCode string

// The codes, in the order of a message's life.
const (
	ReportRefused        ReportCode = "refused"
	ReportWaiting        ReportCode = "waiting"
	ReportNeverLeft      ReportCode = "never_left"
	ReportChannelPaused  ReportCode = "channel_paused"
	ReportBreakerOpen    ReportCode = "breaker_open"
	ReportElsewhere      ReportCode = "queued_elsewhere"
	ReportNoSession      ReportCode = "no_session"
	ReportNoRoom         ReportCode = "no_room"
	ReportQueued         ReportCode = "queued"
	ReportSubmitting     ReportCode = "submitting"
	ReportInDoubt        ReportCode = "in_doubt"
	ReportCarrierNo      ReportCode = "refused_by_carrier"
	ReportGivenUp        ReportCode = "given_up"
	ReportUnmatched      ReportCode = "unmatched"
	ReportPartial        ReportCode = "partial"
	ReportSendOnly       ReportCode = "send_only"
	ReportGatewayAbsent  ReportCode = "gateway_absent"
	ReportCallbackAbsent ReportCode = "callback_absent"
	ReportLinkDown       ReportCode = "link_down"
	ReportWithin         ReportCode = "within_timeout"
	ReportSlow           ReportCode = "slow"
	ReportTimedOut       ReportCode = "timed_out"
	ReportThere          ReportCode = "reported"
	ReportEarly          ReportCode = "reported_early"
	ReportTwice          ReportCode = "reported_twice"
)

// reportAnswer is what a code says and what to do about it.
type reportAnswer struct{ answer, remedy rulebook.Both }

var noRemedy = rulebook.Both{Zh: "无需处理。", En: "Nothing."}

var reportAnswers = map[ReportCode]reportAnswer{
	ReportRefused: {
		rulebook.Both{Zh: "该消息未获许可，从未提交给运营商，不会有状态报告。", En: "The message was not permitted and was never submitted: no report will come."},
		rulebook.Both{Zh: "查看消息的 code 与 findings，按其说明修改后重新发送。", En: "See the message's code and findings, and send again what they ask for."},
	},
	ReportWaiting: {
		rulebook.Both{Zh: "该消息在等待（审核、合法时段、定时或暂停），尚未提交。", En: "The message waits (for review, lawful hours, its time, or a pause) and was not submitted yet."},
		rulebook.Both{Zh: "等待放行；待审的请联系运营方审核。", En: "Wait for its release; a held one is for the operator to review."},
	},
	ReportNeverLeft: {
		rulebook.Both{Zh: "该消息在提交前已取消或过期，不会有状态报告。", En: "The message was cancelled or expired before it was submitted: no report will come."},
		rulebook.Both{Zh: "仍需要时重新发送。", En: "Send it again if it is still wanted."},
	},
	ReportChannelPaused: {
		rulebook.Both{Zh: "该消息在排队，其通道已暂停或不存在。", En: "The message is queued for a channel that is paused or gone."},
		rulebook.Both{Zh: "运营方启用通道，或冻结通道使消息改走其他通道。", En: "The operator activates the channel, or freezes it so that another one takes over."},
	},
	ReportBreakerOpen: {
		rulebook.Both{Zh: "该消息在排队，其通道因故障已熔断。", En: "The message is queued for a channel that was taken out because it did badly."},
		rulebook.Both{Zh: "等待通道恢复；有许可的其他通道时会自动改走。运营方查看通道的熔断原因。", En: "Wait: it moves by itself when another channel is permitted. The operator looks at the breaker's cause."},
	},
	ReportElsewhere: {
		rulebook.Both{Zh: "该消息在排队，其通道由其他节点连接，本节点不知道详情。", En: "The message is queued for a channel that another node holds, or none; this node does not know more."},
		rulebook.Both{Zh: "稍后再查；仍在排队时，运营方在持有通道的节点上查看。", En: "Ask again in a while; if it stays queued, the operator asks the node that holds the channel."},
	},
	ReportNoSession: {
		rulebook.Both{Zh: "该消息在排队，其通道没有已登录的连接。", En: "The message is queued and its channel has no session that is logged in."},
		rulebook.Both{Zh: "运营方查看通道的 down 原因：网络、账号或密码。", En: "The operator looks at why the channel is down: network, login or secret."},
	},
	ReportNoRoom: {
		rulebook.Both{Zh: "该消息在排队，通道的速率或窗口已用满。", En: "The message is queued: the channel's pace or its windows are used up."},
		rulebook.Both{Zh: "等待轮到；经常如此时提高通道的 tps、window 或 sessions。", En: "Wait for its turn; if it is often so, the channel needs more tps, window or sessions."},
	},
	ReportQueued: {
		rulebook.Both{Zh: "该消息在排队，即将提交。", En: "The message is queued and about to be submitted."},
		rulebook.Both{Zh: "片刻后再查。", En: "Ask again in a moment."},
	},
	ReportSubmitting: {
		rulebook.Both{Zh: "该消息已发往运营商，还在等待其提交应答。", En: "The message was written to the carrier, whose answer has not come yet."},
		rulebook.Both{Zh: "等待应答；逾时未答的会成为存疑。", En: "Wait; without an answer it will be in doubt."},
	},
	ReportInDoubt: {
		rulebook.Both{Zh: "运营商没有应答提交，不知道是否收到；系统不会盲目重发。", En: "The carrier never answered the submit: it may or may not have the message, which is not repeated blindly."},
		rulebook.Both{Zh: "等待可匹配的状态报告；或由运营方与运营商对账后定为失败。", En: "Wait for a report that matches, or the operator compares the carrier's statement and gives it up."},
	},
	ReportCarrierNo: {
		rulebook.Both{Zh: "运营商拒绝了提交，不会有状态报告。", En: "The carrier refused the submit: no report will come."},
		rulebook.Both{Zh: "查看各分段的 result 及其 meaning。", En: "See the segments' result and its meaning."},
	},
	ReportGivenUp: {
		rulebook.Both{Zh: "该消息没有得到应答，已由人工定为失败。", En: "The submit was never answered, and a person gave the message up."},
		rulebook.Both{Zh: "仍需要时重新发送。", En: "Send it again if it is still wanted."},
	},
	ReportUnmatched: {
		rulebook.Both{Zh: "提交之后，该通道上有发往此号码、却对不上任何提交的状态报告。", En: "Since the submit, reports about this number came on the channel that match no submit."},
		rulebook.Both{Zh: "运营方与运营商核对消息编号：进制（SMPP 的 ids 选项）、网关是否改写编号。", En: "The operator compares ids with the carrier: their base (SMPP: option ids), or a gateway that rewrites them."},
	},
	ReportPartial: {
		rulebook.Both{Zh: "长短信只有部分分段有状态报告，其余还在等待。", En: "Only some segments of the long message have their report; the others are awaited."},
		rulebook.Both{Zh: "等待其余分段；超过期限的按无报告处理。", En: "Wait for the others; past the timeout the message counts as without a report."},
	},
	ReportSendOnly: {
		rulebook.Both{Zh: "该通道的连接只用于发送（mode 为 send），收不到状态报告。", En: "The channel's connections are only for sending (mode send) and get no reports."},
		rulebook.Both{Zh: "把通道的 mode 改为 both；只允许单向连接的网关请与运营商商定。", En: "Set the channel's mode to both; with a gateway that wants one for each direction, agree on it with the carrier."},
	},
	ReportGatewayAbsent: {
		rulebook.Both{Zh: "提交之后，联通网关（SGIP）没有连接过本节点，状态报告无从送达。", En: "Since the submit the SGIP gateway has not connected to this node, and only over that connection can a report come."},
		rulebook.Both{Zh: "运营方做通道的反向连接自检，检查监听端口、防火墙、back_login 和密码。", En: "The operator runs the channel's self-test and checks the listener, fire walls, back_login and its password."},
	},
	ReportCallbackAbsent: {
		rulebook.Both{Zh: "提交之后，上游没有向本节点推送过状态报告，或其推送被拒绝。", En: "Since the submit the upstream has brought no status report to this node, or what it brought was refused."},
		rulebook.Both{Zh: "运营方查看通道 back 的 heard 和 refused，核对上游控制台登记的回调地址、密钥与来源地址；多节点时也可能推送到了别的节点。", En: "The operator looks at heard and refused of the channel's back and compares the callback address that was registered with the upstream, its secret and where it comes from; with several nodes it may have gone to another one."},
	},
	ReportLinkDown: {
		rulebook.Both{Zh: "已提交，但通道现在没有已登录的连接，状态报告进不来。", En: "It was submitted, but the channel has no session now over which a report could come."},
		rulebook.Both{Zh: "运营方查看通道的 down 原因；恢复后运营商会补送。", En: "The operator looks at why the channel is down; the carrier brings the reports when it is back."},
	},
	ReportWithin: {
		rulebook.Both{Zh: "已提交，状态报告仍在期限之内。", En: "It was submitted, and the time for its report is not over."},
		rulebook.Both{Zh: "等待；手机关机或不在服务区时要等到其开机或过期。", En: "Wait: with the handset off or out of reach, the report comes when it is back or the message expires."},
	},
	ReportSlow: {
		rulebook.Both{Zh: "已提交，等待的时间已超过该通道近期 95% 的状态报告，但仍在期限之内。", En: "It was submitted and has waited longer than 95 % of the channel's recent reports took; the timeout is not over."},
		rulebook.Both{Zh: "多为手机关机；同一通道多条如此时，运营方询问运营商。", En: "Mostly the handset is off; if many on the channel are so, the operator asks the carrier."},
	},
	ReportTimedOut: {
		rulebook.Both{Zh: "期限内没有收到状态报告，结果未知。迟到的报告仍会更新状态。", En: "No report came within the timeout: the result is unknown. A late one will still change it."},
		rulebook.Both{Zh: "以 upstream_id 向运营商查询。", En: "Ask the carrier about the upstream_id."},
	},
	ReportThere: {rulebook.Both{Zh: "状态报告已收到。", En: "The report is there."}, noRemedy},
	ReportEarly: {rulebook.Both{Zh: "状态报告已收到，它先于提交应答到达，已自动匹配。", En: "The report is there; it came before the answer to its submit and was matched with it."}, noRemedy},
	ReportTwice: {
		rulebook.Both{Zh: "状态报告已收到，并且重复收到；以第一份为准，其余留存。", En: "The report is there and came more than once: the first counts, the others are kept."},
		rulebook.Both{Zh: "内容不同时（见 duplicates），请运营方向运营商核实。", En: "If they differ (see duplicates), the operator asks the carrier."},
	},
}
