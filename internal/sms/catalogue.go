package sms

import "fmt"

// Code names one reason in the error catalogue. The same code appears in every
// interface; each dialect has its own column.
type Code string

// The codes. CMPP is the SUBMIT_RESP result for a whole PDU (CMPP 3.0 §8.4.3.2);
// Stat is the 7-character status of the report that carries a single refusal.
const (
	OK                  Code = "OK"
	BadRequest          Code = "BAD_REQUEST"
	BadNumber           Code = "NUMBER_INVALID"
	BadText             Code = "TEXT_INVALID"
	TextTooLong         Code = "TEXT_TOO_LONG"
	TooManyRecipients   Code = "TOO_MANY_RECIPIENTS"
	DuplicateRecipient  Code = "DUPLICATE_RECIPIENT"
	BodyTooLarge        Code = "BODY_TOO_LARGE"
	Unauthenticated     Code = "UNAUTHENTICATED"
	KeyExpired          Code = "KEY_EXPIRED"
	AddressNotAllowed   Code = "ADDRESS_NOT_ALLOWED"
	Forbidden           Code = "FORBIDDEN"
	NotFound            Code = "NOT_FOUND"
	MethodNotAllowed    Code = "METHOD_NOT_ALLOWED"
	SignatureWrong      Code = "REQUEST_SIGNATURE_WRONG"
	ClockSkew           Code = "CLOCK_SKEW"
	NonceUsed           Code = "NONCE_USED"
	UnknownAction       Code = "UNKNOWN_ACTION"
	VariablesMismatch   Code = "VARIABLES_MISMATCH"
	VariableFormat      Code = "VARIABLE_FORMAT"
	VariablesUnreadable Code = "VARIABLES_UNREADABLE"
	IdempotencyKey      Code = "IDEMPOTENCY_CONFLICT"
	RateLimited         Code = "RATE_LIMITED"
	Busy                Code = "BUSY"
	FactUnreadable      Code = "FACT_UNREADABLE"
	StoreUnavailable    Code = "STORE_UNAVAILABLE"
	Internal            Code = "INTERNAL"
	RulebookUnusable    Code = "RULEBOOK_UNUSABLE"
	RulePackRefused     Code = "RULE_PACK_REFUSED"
	RulePackDecided     Code = "RULE_PACK_DECIDED"

	BalanceTooLow     Code = "BALANCE_TOO_LOW"
	PriceMissing      Code = "PRICE_MISSING"
	NoChannel         Code = "NO_CHANNEL"
	SourceTooLong     Code = "SOURCE_TOO_LONG"
	NotAfterPassed    Code = "NOT_AFTER_PASSED"
	PartyFrozen       Code = "PARTY_FROZEN"
	MessageNotWaiting Code = "MESSAGE_NOT_WAITING"
	PartMissing       Code = "PART_MISSING"

	LicenceInvalid      Code = "LICENCE_INVALID"
	AgentNotCompany     Code = "AGENT_NOT_COMPANY"
	AgentModeForbids    Code = "AGENT_MODE_FORBIDS"
	PortNotBound        Code = "PORT_NOT_BOUND"
	PortSharedBinding   Code = "PORT_BINDING_SHARED"
	AccessCodeMisused   Code = "ACCESS_CODE_MISUSED"
	ChannelCategory     Code = "CHANNEL_CATEGORY"
	CodePrefix          Code = "CODE_PREFIX"
	UpstreamUnlicensed  Code = "UPSTREAM_UNLICENSED"
	Unauthorised        Code = "AUTHORISATION_MISSING"
	EntityRefused       Code = "ENTITY_TYPE_REFUSED"
	SignatureStale      Code = "SIGNATURE_STALE"
	ProvinceUncovered   Code = "PROVINCE_NOT_COVERED"
	CapitalLow          Code = "CAPITAL_LOW"
	SenderUnnamed       Code = "SENDER_UNNAMED"
	SenderAmbiguous     Code = "SENDER_AMBIGUOUS"
	SignatureMismatch   Code = "SIGNATURE_MISMATCH"
	SignatureNotFiled   Code = "SIGNATURE_NOT_FILED"
	TemplateNotApproved Code = "TEMPLATE_NOT_APPROVED"
	TemplateNotFiled    Code = "TEMPLATE_NOT_FILED"
	SignatureForm       Code = "SIGNATURE_FORM"
	TemplateForm        Code = "TEMPLATE_FORM"
	SamePerson          Code = "SAME_PERSON"
	PartyHeld           Code = "PARTY_HELD"
	PartySuspended      Code = "PARTY_SUSPENDED"
	PartyClosed         Code = "PARTY_CLOSED"
	RefusalCosts        Code = "REFUSAL_COSTS"
	FrequencyOrigin     Code = "FREQUENCY_ORIGIN"
	ChannelHeld         Code = "CHANNEL_HELD"
	ComplaintRate       Code = "COMPLAINT_RATE"
	UnusualTraffic      Code = "UNUSUAL_TRAFFIC"
	TemplateUnfiled     Code = "TEMPLATE_UNFILED_AT_CARRIER"
	ChannelMute         Code = "CHANNEL_WITHOUT_REPLIES"
	ReviewNotWaiting    Code = "REVIEW_NOT_WAITING"
	ReviewUnconfirmed   Code = "REVIEW_UNCONFIRMED"
	FilingState         Code = "FILING_STATE"
	DocumentType        Code = "DOCUMENT_TYPE"
	PartyIncomplete     Code = "PARTY_INCOMPLETE"
	ContractInvalid     Code = "CONTRACT_INVALID"
	TextSymbols         Code = "TEXT_SYMBOLS"
	OTPForm             Code = "OTP_FORM"
	NoticeForm          Code = "NOTICE_FORM"
	MKTForm             Code = "MKT_FORM"
	VariableForbidden   Code = "VARIABLE_FORBIDDEN"
	LinkForbidden       Code = "LINK_FORBIDDEN"
	LinkDangerous       Code = "LINK_DANGEROUS"
	Impersonation       Code = "IMPERSONATION"
	SignatureEntity     Code = "SIGNATURE_ENTITY"
	IndustryRefused     Code = "INDUSTRY_REFUSED"
	PermitMissing       Code = "PERMIT_MISSING"
	PromotionReview     Code = "PROMOTION_REVIEW"
	ContactForbidden    Code = "CONTACT_FORBIDDEN"
	ContactUnfiled      Code = "CONTACT_UNFILED_AT_CARRIER"
	TextDisguised       Code = "TEXT_DISGUISED"
	ContentForbidden    Code = "CONTENT_FORBIDDEN"
	AdForbidden         Code = "AD_FORBIDDEN"
	AdReview            Code = "AD_REVIEW"
	AdIncomplete        Code = "AD_INCOMPLETE"
	NumberRange         Code = "NUMBER_RANGE"
	ConsentMissing      Code = "CONSENT_MISSING"
	ConsentKind         Code = "CONSENT_KIND"
	NotEntrusted        Code = "NOT_ENTRUSTED"
	RivalNamed          Code = "RIVAL_NAMED"
	SettlementUnusual   Code = "SETTLEMENT_UNUSUAL"
	CrossBorder         Code = "CROSS_BORDER"
	SeparateConsent     Code = "SEPARATE_CONSENT"
	ConsentSuspended    Code = "CONSENT_SUSPENDED"
	ImportState         Code = "IMPORT_STATE"
	ConsentForm         Code = "CONSENT_FORM"
	WordingUsed         Code = "WORDING_USED"
	CampaignState       Code = "CAMPAIGN_STATE"
	CampaignForm        Code = "CAMPAIGN_FORM"
	CampaignRefused     Code = "CAMPAIGN_REFUSED"
	AlreadyAsked        Code = "ALREADY_ASKED"
	RefusalMissing      Code = "REFUSAL_MISSING"
	OptedOut            Code = "OPTED_OUT"
	SuppressedScope     Code = "SUPPRESSION_SCOPE"
	FrequencyOTP        Code = "FREQUENCY_OTP"
	FrequencyNotice     Code = "FREQUENCY_NOTICE"
	FrequencyMKT        Code = "FREQUENCY_MKT"
	FrequencyContent    Code = "FREQUENCY_CONTENT"
	FrequencyAll        Code = "FREQUENCY_ALL"
	NoticeAtNight       Code = "NOTICE_AT_NIGHT"
	OutsideHours        Code = "OUTSIDE_HOURS"
	UnitsMismatch       Code = "UNITS_MISMATCH"
	RuleRefused         Code = "RULE_REFUSED"
	Revoked             Code = "REVOKED"
	PageNotOffered      Code = "PAGE_NOT_OFFERED"
	CodeNotSent         Code = "CODE_NOT_SENT"
	CodeWrong           Code = "CODE_WRONG"
	NotAgreed           Code = "NOT_AGREED"
	PageEnded           Code = "PAGE_ENDED"
	StateConflict       Code = "STATE_CONFLICT"
	DutyOpen            Code = "DUTY_OPEN"
	LegalHold           Code = "LEGAL_HOLD"
	KeptByLaw           Code = "KEPT_BY_LAW"
	SendAtTooFar        Code = "SEND_AT_TOO_FAR"
)

// Entry is a row of the catalogue.
type Entry struct {
	Code  Code
	HTTP  int    // status of a whole-call failure, and of a problem document
	CMPP  uint32 // SUBMIT_RESP Result when the whole PDU is refused for it
	Stat  string // 7 characters in the report of a single refusal
	Zh    string
	En    string
	Again bool // the same call may succeed later: no idempotency row is kept
}

var catalogue = []Entry{
	{OK, 200, 0, "DELIVRD", "成功", "ok", false},
	{BadRequest, 400, 1, "ZX:0001", "请求格式错误，请按接口文档修改", "the request is malformed; see the API reference", false},
	{BadNumber, 422, 13, "ZX:0002", "手机号码无效：内地号码写 11 位数字，境外号码以 + 和国家码开头", "the phone number is not valid: write 11 digits for the mainland, or + and the country code", false},
	{BadText, 422, 1, "ZX:0003", "短信内容为空，或含无法发送的字符，请改为可读的 UTF-8 文本", "the text is empty, or holds what can't be sent; send readable text in UTF-8", false},
	{TextTooLong, 422, 6, "ZX:0004", "短信内容过长，请缩短后重试", "the text is too long; shorten it", false},
	{TooManyRecipients, 422, 13, "ZX:0005", "一次最多 1000 个号码，请分批提交", "a call takes at most 1,000 recipients; split it", false},
	{DuplicateRecipient, 422, 13, "ZX:0006", "同一次请求里号码重复，已只保留第一条", "the number appears twice in this call; only the first was kept", false},
	{BodyTooLarge, 413, 4, "ZX:0007", "请求体过大", "the request body is too large", false},
	{Unauthenticated, 401, 10, "ZX:0010", "身份验证失败，请检查密钥", "authentication failed; check the key", false},
	{KeyExpired, 401, 10, "ZX:0011", "密钥已过期或已停用，请换用新密钥", "the key has expired or was revoked; use a new one", false},
	{AddressNotAllowed, 403, 10, "ZX:0012", "来源 IP 不在白名单内", "the source address is not on the allow-list", false},
	{Forbidden, 403, 10, "ZX:0013", "没有此操作的权限", "the key lacks the permission for this", false},
	{NotFound, 404, 1, "ZX:0014", "找不到该对象", "no such object", false},
	{MethodNotAllowed, 405, 1, "ZX:0024", "该地址不支持此方法，请改用 Allow 响应头所列的方法", "this address does not know the method; use one that the Allow header lists", false},
	{SignatureWrong, 401, 10, "ZX:D001", "请求签名不正确，请核对密钥；可在签名失败记录中比对待签名串", "the request's signature is wrong; check the secret, and compare what was signed with the list of failed signatures", false},
	{ClockSkew, 401, 10, "ZX:D002", "请求时间与服务器相差过大，请校准时钟", "the request's time is too far from the server's; set your clock", false},
	{NonceUsed, 409, 3, "ZX:D003", "随机数已使用过，请为每次请求生成新的随机数", "the nonce was used before; make a new one for each request", false},
	{UnknownAction, 404, 1, "ZX:D004", "没有此操作或版本", "there is no such action or version", false},
	{VariablesMismatch, 422, 1, "ZX:D005", "模板变量缺失或个数不符，请按模板逐个给出", "variables of the template are missing or too many; give each of them", false},
	{VariableFormat, 422, 1, "ZX:D006", "模板变量的值不符合该变量的类型或长度", "the value of a variable is not of its type, or too long", false},
	{VariablesUnreadable, 422, 1, "ZX:D007", "模板变量不是有效的 JSON 对象，或其值不是文本", "the variables are no JSON object of texts", false},
	{IdempotencyKey, 409, 3, "ZX:0015", "同一幂等键已用于内容不同的请求，请换新键", "the idempotency key was used with another payload; use a new key", false},
	{RateLimited, 429, 8, "ZX:0016", "超过速率限制，请稍后重试", "over the rate limit; try again later", true},
	{Busy, 503, 8, "ZX:0017", "系统繁忙，未受理，请稍后重试", "busy, not accepted; try again later", true},
	{FactUnreadable, 503, 8, "ZX:0018", "合规事实暂不可读，未受理，请稍后重试", "a compliance fact can't be read now, not accepted; try again later", true},
	{StoreUnavailable, 503, 8, "ZX:0019", "存储暂不可用，未受理，请稍后重试", "the store is unavailable, not accepted; try again later", true},
	{Internal, 500, 9, "ZX:0020", "内部错误，未受理", "internal error, not accepted", true},
	{RulebookUnusable, 503, 8, "ZX:0021", "本节点无法载入现行规则包，未受理，请升级程序或联系运营商", "this node can't load the rule packs in force, not accepted; the operator must upgrade it", true},
	{RulePackRefused, 422, 1, "ZX:0022", "规则包未通过检查，请按所列各项修改后重新提交", "the rule pack does not pass its checks; mend what is listed and propose it again", false},
	{RulePackDecided, 409, 1, "ZX:0023", "规则包已生效、已否决或已被新版本取代，不能再处理", "the rule pack does not wait for a decision any more", false},
	{BalanceTooLow, 402, 9, "ZX:0030", "余额不足，请充值", "the balance is too low; top up", false},
	{PriceMissing, 409, 9, "ZX:0031", "账户没有该类短信的价格，请联系您的代理商或运营商", "the account has no price for this category; ask your agent or operator", false},
	{NoChannel, 409, 9, "ZX:0032", "没有可用于该号码的通道", "no channel serves this recipient", false},
	{SourceTooLong, 422, 10, "ZX:0033", "接入码加扩展码超过 20 位", "access code and extension exceed 20 digits", false},
	{NotAfterPassed, 409, 9, "ZX:0034", "已超过有效期，未发送", "its validity passed before it could be sent", false},
	{PartyFrozen, 403, 9, "ZX:0035", "主体、通道或文本已冻结", "the party, channel or text is frozen", false},
	{MessageNotWaiting, 409, 9, "ZX:0036", "短信已不在等待状态，无法取消", "the message no longer waits and can't be cancelled", false},
	{PartMissing, 409, 1, "ZX:0037", "长短信的分段未在时限内到齐，未发送", "the parts of the long message did not all arrive in time; it was not sent", false},
	{LicenceInvalid, 403, 9, "ZX:L001", "链条上缺少有效的增值电信业务许可证", "the chain lacks a valid value-added telecom licence", false},
	{AgentNotCompany, 403, 9, "ZX:L003", "经营主体不是依法设立的公司", "the reselling party is not a company", false},
	{AgentModeForbids, 403, 9, "ZX:L005", "无许可证的代理商只能引荐和服务客户", "an agent without a licence may only refer and serve customers", false},
	{PortNotBound, 403, 10, "ZX:P002", "子端口没有与实际发送主体的直接绑定", "the sub-code has no direct binding to the party that sends", false},
	{PortSharedBinding, 403, 10, "ZX:P003", "一个子端口只能对应一个签名和一个资质", "one sub-code serves one signature and one qualification", false},
	{AccessCodeMisused, 403, 10, "ZX:P001", "接入码超出批准的位长、用途或期限", "the access code is used beyond its approved length, use or term", false},
	{ChannelCategory, 403, 10, "ZX:P005", "通道不得发送这一类短信", "the channel may not carry messages of this category", false},
	{CodePrefix, 409, 10, "ZX:P007", "接入码号段与批准用途不符，请核对批复", "the access code's prefix does not fit its approved use; check the approval", false},
	{UpstreamUnlicensed, 403, 10, "ZX:L006", "通道的上游不是运营商，且没有有效的许可证", "the channel's upstream is no carrier and has no valid licence", false},
	{Unauthorised, 403, 9, "ZX:I003", "签名属于第三方，没有有效的授权委托书", "the signature belongs to somebody else and no letter of authorisation is valid", false},
	{EntityRefused, 403, 9, "ZX:I004", "通道不接受发送主体的主体类型", "no channel takes senders of this type of entity", false},
	{SignatureStale, 403, 9, "ZX:S009", "签名长期未使用，须重新报备", "the signature was not used for long: it has to be filed anew", false},
	{ProvinceUncovered, 403, 9, "ZX:L002", "许可证没有覆盖接收号码归属的省份", "the licence does not cover the recipient's province", false},
	{CapitalLow, 409, 9, "ZX:L004", "注册资本低于许可条件的门槛，请核对", "the registered capital is below what the licence asks; check it", false},
	{SenderUnnamed, 403, 9, "ZX:I005", "短信没有表明发送者的真实身份", "the text does not tell who really sends it", false},
	{SenderAmbiguous, 409, 9, "ZX:I006", "签名易混淆，须在短信中写明企业全称，已转人工审核", "others are called like the signature: the text needs the full registered name; it waits for a reviewer", false},
	{SignatureMismatch, 422, 1, "ZX:S001", "短信必须以已报备的【签名】开头，且只有一对【】", "the text must begin with the filed 【signature】 and hold no other 【】", false},
	{SignatureEntity, 403, 9, "ZX:S010", "签名含有机关、银行或运营商字样，与内容提供者不符", "the signature names an organ, a bank or a carrier that the provider is not", false},
	{SignatureNotFiled, 403, 9, "ZX:S008", "签名尚未在接收方所属运营商报备通过", "the signature is not filed with the recipient's carrier", false},
	{TemplateNotApproved, 403, 9, "ZX:T001", "内容不符合任何已审核通过的模板", "the text fits no approved template", false},
	{TemplateNotFiled, 403, 9, "ZX:T002", "该模板的现行版本尚未在上游云通道报备，请先报备并在通道中登记其模板编号", "the template's present wording is not filed with the upstream; file it there and enter its code at the channel", false},
	{SignatureForm, 422, 9, "ZX:S002", "签名不符合规范，不能审核通过", "the signature can't be approved as it is", false},
	{TemplateForm, 422, 9, "ZX:T005", "模板不符合规范，不能审核通过", "the template can't be approved as it is", false},
	{SamePerson, 403, 9, "ZX:0038", "提交人不能审核或激活自己提交的事项，须由另一位员工办理", "who submitted it can't decide on it; another person of the staff must", false},
	{PartyHeld, 409, 9, "ZX:M001", "发送主体的营销短信因异常迹象转人工审核，可申诉", "the sender's marketing waits for a reviewer because of what its traffic shows; it may appeal", false},
	{PartySuspended, 403, 9, "ZX:M002", "发送主体的营销短信已暂停，可申诉", "the sender's marketing is suspended; it may appeal", false},
	{FrequencyOrigin, 429, 8, "ZX:F007", "同一来源请求的验证码过多，疑似短信轰炸", "too many codes were asked for from one origin, as in bombing", false},
	{RefusalCosts, 409, 9, "ZX:O002", "收信人回复拒收须付费", "refusing by a reply costs the recipient something", false},
	{PartyClosed, 403, 9, "ZX:M003", "发送主体的服务已关闭，可申诉", "the sender's service is closed; it may appeal", false},
	{ChannelHeld, 409, 9, "ZX:M004", "该通道的营销短信因投诉转人工审核或暂停", "marketing over the channel waits for a reviewer, or is suspended, because of complaints", false},
	{ComplaintRate, 409, 9, "ZX:M005", "有效投诉达到处置线，可申诉", "valid complaints have come to where something is done; you may appeal", false},
	{UnusualTraffic, 409, 9, "ZX:M006", "营销短信的数量或构成异常，可申诉", "the amount or the mix of marketing is unusual; you may appeal", false},
	{TemplateUnfiled, 403, 9, "ZX:T012", "模板尚未在接收方所属运营商报备通过", "the template is not filed with the recipient's carrier", false},
	{ChannelMute, 403, 10, "ZX:O006", "通道收不到回复，不得发送营销短信", "replies don't reach us by this channel, so it carries no marketing", false},
	{ReviewNotWaiting, 409, 9, "ZX:0039", "没有待审核的申请，可能已由他人审核", "nothing waits for a review here; somebody else may have decided", false},
	{ReviewUnconfirmed, 409, 9, "ZX:0040", "有须由审核员确认的规则，请写明理由并逐条确认", "rules hold this: the reviewer confirms each of them, with a reason", false},
	{FilingState, 409, 9, "ZX:0041", "报备不能从现在的状态变为这一状态", "the filing can't go from its present state to this one", false},
	{DocumentType, 422, 9, "ZX:0042", "只接受 PDF、PNG 和 JPEG 文件", "only PDF, PNG and JPEG are taken", false},
	{PartyIncomplete, 422, 9, "ZX:I001", "主体的实名材料不完整，不能启用", "the party's identity is not complete: it can't be made active", false},
	{ContractInvalid, 422, 9, "ZX:L010", "合同不是与上级主体订立，已到期，或没有扫描件", "the contract is not with the party above, has ended, or has no scan", false},
	{TextSymbols, 422, 1, "ZX:T003", "正文含有运营商不接受的装饰符号，请删去", "the text holds decorative signs that carriers refuse; leave them out", false},
	{OTPForm, 422, 1, "ZX:T006", "验证码短信须写明验证码，且不得含链接、联系方式或退订用语", "a verification code says that it is one and holds no link, contact or words of refusal", false},
	{NoticeForm, 422, 1, "ZX:T007", "通知短信不得带退订用语，含推广内容的须按营销短信发送", "a notice holds no words of refusal; what promotes is sent as marketing", false},
	{MKTForm, 422, 1, "ZX:T008", "营销短信须称呼会员，并以“拒收请回复R”结尾", "marketing speaks to members and ends with 拒收请回复R", false},
	{VariableForbidden, 422, 1, "ZX:T009", "模板变量不符合要求：营销模板不用变量，文字变量不得过长", "the variables are not allowed: marketing has none, and values of text are short", false},
	{LinkForbidden, 422, 1, "ZX:T010", "链接不符合要求：至多一个，不用短链接，不放在变量里", "the links are not allowed: at most one, no short link, none in a variable", false},
	{ContactForbidden, 422, 1, "ZX:T011", "正文含有手机号、QQ、微信，或联系电话过多", "the text holds a mobile number, QQ or WeChat, or too many telephones", false},
	{ContactUnfiled, 403, 9, "ZX:T015", "正文的链接或电话尚未在接收方所属运营商报备通过", "a link or telephone of the text is not filed with the recipient's carrier", false},
	{TextDisguised, 422, 1, "ZX:T014", "正文用变体字符或分隔符掩饰敏感词语，请改用正常写法", "the text hides words by other characters or by what stands between; write plainly", false},
	{ContentForbidden, 422, 1, "ZX:N001", "正文含有法律禁止传播的内容", "the text holds what the law forbids to send", false},
	{LinkDangerous, 422, 1, "ZX:N003", "正文含有安装程序，或域名仿冒知名机构的链接", "the text holds a program, or a link that imitates a known name", false},
	{Impersonation, 403, 1, "ZX:N004", "正文冒充国家机关、银行、运营商或快递", "the text speaks in the name of an organ, a bank, a carrier or a courier", false},
	{PromotionReview, 409, 9, "ZX:N005", "通知短信疑似营销内容，已转人工审核", "the notice reads like marketing and waits for a reviewer", false},
	{IndustryRefused, 403, 9, "ZX:N008", "没有通道接收该行业的营销短信", "no channel takes marketing of this trade", false},
	{PermitMissing, 409, 9, "ZX:N009", "营销短信推广须许可的行业，发送主体没有有效的行业许可，已转人工审核", "the marketing text offers what needs a permit, and the sender has none that holds; it waits for a reviewer", false},
	{AdForbidden, 422, 1, "ZX:A001", "营销短信含有广告法禁止的内容", "the marketing text holds what the Advertising Law forbids", false},
	{AdReview, 409, 9, "ZX:A002", "营销短信含有须审核的广告用语，已转人工审核", "the marketing text holds advertising terms that a reviewer must see, and waits", false},
	{AdIncomplete, 422, 1, "ZX:A013", "广告内容不完整：附赠的数量和期限，专利的号码和种类", "the advertisement lacks particulars: of gifts, or of a patent", false},
	{ConsentMissing, 403, 9, "ZX:C001", "没有该号码对本内容提供者的有效同意", "this recipient has given this content provider no valid consent", false},
	{NumberRange, 409, 9, "ZX:C013", "号码大多连号，疑似按号段群发，已转人工审核", "most numbers follow each other, as in a number range; it waits for a reviewer", false},
	{ConsentKind, 403, 9, "ZX:C010", "收件人的同意不包括这一类内容", "the recipient has not agreed to this kind of content", false},
	{NotEntrusted, 403, 10, "ZX:P012", "委托人没有同意向该通道的上游或代理商转委托", "the sender has not agreed to the processing being passed on to this channel's upstream, or to an agent", false},
	{RivalNamed, 409, 9, "ZX:A016", "营销短信提到竞争对手，已转人工审核", "the marketing text names a rival; it waits for a reviewer", false},
	{SettlementUnusual, 422, 9, "ZX:B105", "结算方式异常，不能入账", "the way of payment is not one that may be booked", false},
	{CrossBorder, 403, 10, "ZX:P011", "通道对端在境外，没有登记个人信息出境依据", "the channel leads abroad, and nothing is on file that a cross-border transfer may rest on", false},
	{SeparateConsent, 403, 9, "ZX:P006", "短信含敏感个人信息，而该收件人没有单独同意", "the message holds sensitive personal information to which the recipient has not agreed separately", false},
	{ConsentSuspended, 403, 9, "ZX:C016", "该号码曾被运营商报告为空号，原同意已暂停，须重新取得", "a carrier said that the number does not exist, so that its consent is suspended until there is a new one", false},
	{ImportState, 409, 9, "ZX:C004", "名单导入的状态不允许此操作，请刷新后再试", "the state of the list does not allow this; look again", false},
	{ConsentForm, 422, 9, "ZX:C002", "该同意不符合法律要求，不能登记", "the consent is not one that the law knows, and can't be recorded", false},
	{WordingUsed, 409, 9, "ZX:C003", "已有人按这份告知文本表示同意，不能再改，请另登记一份", "people have agreed to this wording, so that it can't be changed; register another", false},
	{CampaignState, 409, 9, "ZX:K001", "群发任务的状态不允许此操作，请刷新后再试", "the state of the campaign does not allow this; look again", false},
	{CampaignForm, 422, 9, "ZX:K002", "群发任务缺少声明、同意凭证、告知或拒收方式", "the campaign lacks its declaration, its evidence of consents, its notice or a way to refuse", false},
	{CampaignRefused, 403, 9, "ZX:K003", "运营商驳回或停止了群发任务", "the operator has rejected or stopped the campaign", false},
	{AlreadyAsked, 403, 9, "ZX:C007", "已向该号码发送过授权征询，不得再次征询", "this recipient was asked for consent before and must not be asked again", false},
	{RefusalMissing, 422, 1, "ZX:O001", "营销短信没有写明有效的退订方式，请以“拒收请回复R”结尾", "the marketing text names no way to refuse that works; end it with 拒收请回复R", false},
	{OptedOut, 403, 9, "ZX:O003", "该号码已退订，不得再次发送", "this recipient has opted out", false},
	{SuppressedScope, 403, 9, "ZX:O008", "该号码已拒收此类短信", "this recipient refuses messages of this category", false},
	{FrequencyOTP, 429, 9, "ZX:F001", "该号码的验证码发送过于频繁", "too many verification codes to this number", false},
	{FrequencyNotice, 429, 9, "ZX:F002", "该号码的同一通知发送过于频繁", "too many notices of this template to this number", false},
	{FrequencyMKT, 429, 9, "ZX:F003", "该号码的营销短信超过频率上限", "too many marketing messages to this number", false},
	{FrequencyContent, 429, 9, "ZX:F004", "相同内容短时间内重复发给同一号码", "the same text again to the same number within a short time", false},
	{FrequencyAll, 429, 9, "ZX:F005", "该号码收到的短信总数超过频率上限", "too many messages of all kinds to this number", false},
	{OutsideHours, 409, 9, "ZX:H001", "不在允许的发送时段，已推迟到下一时段", "outside lawful hours; deferred to the next window", false},
	{NoticeAtNight, 409, 9, "ZX:H002", "夜间发送不紧急的通知，建议改在早上八点以后", "a notice at night that is not urgent; better send it in the morning", false},
	{UnitsMismatch, 422, 6, "ZX:B001", "计费条数与内容长度不符", "the billed units don't match the text", false},
	{RuleRefused, 403, 9, "ZX:R000", "规则不允许发送", "a rule stands against this message", false},
	{Revoked, 403, 9, "ZX:R001", "决定之后有撤销，提交前已取消", "revoked after the decision; cancelled before submission", false},
	{PageNotOffered, 409, 9, "ZX:G001", "该内容提供者尚无已审核通过的验证码模板和签名，本页面暂不可用", "this sender has no approved template and signature for codes, so that its page can't be offered", false},
	{CodeNotSent, 409, 9, "ZX:G002", "暂时无法向该号码发送验证码，请稍后再试", "a code can't be sent to this number now; try again later", true},
	{CodeWrong, 422, 9, "ZX:G003", "验证码错误、已使用或已过期，请核对后重试或重新获取", "the code is wrong, used or too old; check it, or get a new one", false},
	{NotAgreed, 422, 9, "ZX:G004", "未勾选同意，没有登记任何同意", "the box was not ticked; no consent was recorded", false},
	{PageEnded, 403, 9, "ZX:G005", "页面已过期，请重新验证号码", "the page has ended; prove the number again", false},
	{StateConflict, 409, 9, "ZX:0043", "该事项的当前状态不允许此操作", "the case is not in a state in which this may be done", false},
	{DutyOpen, 409, 9, "ZX:0044", "还有未完成的法定任务，不能进行此操作", "a duty is still open that must be done before this", false},
	{KeptByLaw, 409, 9, "ZX:0046", "法定保存期限未满，暂不能删除；自此只存储，除本人索取的验证码外不再发送（个人信息保护法第四十七条），请在期满后再提出", "what was sent must still be kept by law; from now on it is only stored and nothing but codes is sent (PIPL Art. 47): ask again when the term is over", false},
	{SendAtTooFar, 422, 1, "ZX:0025", "定时发送不得晚于 90 天之后，请改用更早的时间，或届时再提交", "a message may be scheduled for at most 90 days ahead; choose an earlier time, or send it then", false},
	{LegalHold, 409, 9, "ZX:0045", "处于诉讼或调查保全中，不得删除", "a legal hold stands: nothing of it may be erased", false},
}

var byCode = func() map[Code]Entry {
	m := make(map[Code]Entry, len(catalogue))
	for _, e := range catalogue {
		m[e.Code] = e
	}
	return m
}()

// Catalogue returns a copy of every row, in order.
func Catalogue() []Entry { return append([]Entry(nil), catalogue...) }

// Lookup returns the row of a code; a code that the catalogue lacks reads as
// INTERNAL, so that no interface ever shows an empty reason.
func Lookup(c Code) Entry {
	if e, ok := byCode[c]; ok {
		return e
	}
	return byCode[Internal]
}

// Error is a failure with a catalogue code, the place it was found at and a
// detail that may be shown to the peer. It never holds numbers or text.
type Error struct {
	Code   Code
	Field  string // where: a JSON path, a PDU field or an object; may be empty
	Detail string // what exactly, in English; may be empty
	Zh     string // the same in Chinese; may be empty
	Cause  error  // for the log only
}

// Errorf makes an Error whose detail is formatted.
func Errorf(c Code, field, format string, args ...any) *Error {
	return &Error{Code: c, Field: field, Detail: fmt.Sprintf(format, args...)}
}

// Chinese says the detail in Chinese too.
func (e *Error) Chinese(format string, args ...any) *Error {
	e.Zh = fmt.Sprintf(format, args...)
	return e
}

func (e *Error) Error() string {
	s := string(e.Code) + ": " + Lookup(e.Code).En
	if e.Field != "" {
		s += " (" + e.Field + ")"
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }
