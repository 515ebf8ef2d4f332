// Package registry holds who may send what under which right: parties and their
// licences, codes, contracts, signatures with their filings, templates,
// channels, accounts, prices and access. A Snapshot is an immutable view of all
// of it at one generation; the gate reads nothing else of it.
package registry

import (
	"slices"

	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// Period is a span of epoch milliseconds; To is exclusive, 0 means no end.
type Period struct {
	From int64 `db:"valid_from" json:"valid_from,omitempty"`
	To   int64 `db:"valid_to" json:"valid_to,omitempty"`
}

// Holds tells whether the span covers the moment.
func (p Period) Holds(at int64) bool { return at >= p.From && (p.To == 0 || at < p.To) }

// Party kinds.
const (
	Operator = "operator"
	Agent    = "agent"
	Customer = "customer"
	Upstream = "upstream" // a licensed platform whose channel we use, no carrier
)

// Agent modes (design 5): there is no third.
const (
	Referral = "referral" // introduces and serves customers, owns nothing
	Licensed = "licensed" // own value-added telecom licence: may own customers and set prices
)

// States shared by most objects.
const (
	Pending  = "pending"
	Active   = "active"
	Frozen   = "frozen"
	Paused   = "paused"
	Closed   = "closed"
	Approved = "approved"
	Rejected = "rejected"
	Revoked  = "revoked"
	Draft    = "draft"
	Review   = "review"
	Retired  = "retired"
	Released = "released"
)

// Where a signature comes from (SIG-03).
const (
	CompanyFull  = "company_full"
	CompanyShort = "company_short"
	Trademark    = "trademark"
	App          = "app"
)

// Party is an operator, an agent, a customer (content provider 内容提供者) or an upstream.
type Party struct {
	ID         sms.ID `db:"id" json:"id,omitempty"`
	Kind       string `db:"kind" json:"kind" enum:"operator,agent,customer,upstream"`
	ParentID   sms.ID `db:"parent_id" json:"parent_id,omitempty" doc:"the party above it in the chain, 0 for the operator"`
	GroupID    sms.ID `db:"group_id" json:"group_id,omitempty" doc:"content provider group: consents and opt-outs reach all of it"`
	Name       string `db:"name" json:"name" minLength:"1" maxLength:"200"`
	USCC       string `db:"uscc" json:"uscc" doc:"统一社会信用代码, 18 characters" pattern:"^[0-9A-Z]{18}$"`
	EntityType string `db:"entity_type" json:"entity_type" enum:"company,individual,institution,government,social" doc:"individual is 个体工商户, social 社会组织"`
	Complaints string `db:"complaint_contact" json:"complaint_contact,omitempty" maxLength:"200" doc:"of the operator: telephone, mail or address of a page where people complain; it stands on the pages that people see 投诉渠道 (CMP-01)"`
	AgentMode  string `db:"agent_mode" json:"agent_mode,omitempty" enum:",referral,licensed"`
	State      string `db:"state" json:"state" enum:"pending,active,frozen,closed"`
	CreatedAt  int64  `db:"created_at" json:"created_at,omitempty"`
	UpdatedAt  int64  `db:"updated_at" json:"updated_at,omitempty"`
}

// Refers tells whether the party is an agent without a licence, which only refers and serves
// customers (LIC-05).
func (p *Party) Refers() bool { return p.Kind == Agent && p.AgentMode != Licensed }

// Organ tells whether the party is an organ of the state or a public institution.
func (p *Party) Organ() bool { return p.EntityType == "government" || p.EntityType == "institution" }

// Business is the class of a licence that SMS needs: information services.
const Business = "B25"

// Licence is a value-added telecom licence 增值电信业务经营许可证.
type Licence struct {
	ID        sms.ID `db:"id" json:"id,omitempty"`
	PartyID   sms.ID `db:"party_id" json:"party_id"`
	Number    string `db:"number" json:"number" minLength:"1" maxLength:"64"`
	USCC      string `db:"uscc" json:"uscc"`
	Scope     string `db:"scope" json:"scope" doc:"comma-separated business codes, e.g. B25"`
	Provinces string `db:"provinces" json:"provinces,omitempty" doc:"comma-separated codes (GB/T 2260) or names of provinces, * is nationwide; nothing covers nothing"`
	Capital   int64  `db:"capital" json:"registered_capital,omitempty" minimum:"0" doc:"of its holder, in yuan; 0 is not known"`
	Period
	State      string `db:"state" json:"state" enum:"pending,active,revoked"`
	DocumentID sms.ID `db:"document_id" json:"document_id,omitempty" doc:"its scan: the licence ends with it"`
	CreatedAt  int64  `db:"created_at" json:"created_at,omitempty"`
}

// AccessCode is a number resource 接入码 with its approval.
type AccessCode struct {
	ID       sms.ID      `db:"id" json:"id,omitempty"`
	PartyID  sms.ID      `db:"party_id" json:"party_id"`
	Carrier  sms.Carrier `db:"carrier" json:"carrier"`
	Code     string      `db:"code" json:"code" pattern:"^[0-9]{3,20}$"`
	Approval string      `db:"approval" json:"approval" doc:"number of the resource approval"`
	// What the approval says (PORT-01); what is not entered is not approved.
	MaxLength int64  `db:"max_length" json:"max_length,omitempty" minimum:"0" maximum:"20" doc:"digits that a source number may have with sub-code and extension 批准位长"`
	Use       string `db:"approved_use" json:"approved_use,omitempty" enum:",platform,own,public" doc:"批准用途: platform is for third parties' messages, own for the holder's, public for public-interest messages"`
	Period
	State      string `db:"state" json:"state" enum:"pending,active,rejected,frozen,revoked"`
	DocumentID sms.ID `db:"document_id" json:"document_id,omitempty" doc:"scan of the approval 码号批文: the code ends with it"`
}

// The approved uses of access codes.
const (
	UsePlatform = "platform"
	UseOwn      = "own"
	UsePublic   = "public"
)

// OnDelivery is the ChargeOn of contracts that charge what was delivered; the
// others charge what was submitted.
const OnDelivery = "delivery"

// Contract binds a party to the one above it.
type Contract struct {
	ID             sms.ID `db:"id" json:"id,omitempty"`
	PartyID        sms.ID `db:"party_id" json:"party_id"`
	CounterpartyID sms.ID `db:"counterparty_id" json:"counterparty_id"`
	Number         string `db:"number" json:"number"`
	Period
	ChargeOn      string `db:"charge_on" json:"charge_on" enum:"submission,delivery"`
	ReportTimeout int64  `db:"report_timeout_ms" json:"report_timeout_ms,omitempty"`
	State         string `db:"state" json:"state" enum:"pending,active,rejected,revoked,closed"`
	DocumentID    sms.ID `db:"document_id" json:"document_id,omitempty" doc:"its scan: the contract ends with it"`
	Subprocessors string `db:"subprocessors" json:"subprocessors,omitempty" maxLength:"400" pattern:"^([0-9]+(,[0-9]+)*)?$" doc:"comma-separated ids of the parties to whom the processing may be passed on by this contract 同意的转委托方: upstreams, agents other than the counterparty (PRV-02)"`
}

// Signature is a 签名 and the qualification that it rests on.
type Signature struct {
	ID              sms.ID `db:"id" json:"id,omitempty"`
	PartyID         sms.ID `db:"party_id" json:"party_id"`
	Text            string `db:"text" json:"text" doc:"without the brackets" minLength:"2" maxLength:"20"`
	Source          string `db:"source" json:"source" enum:"company_full,company_short,trademark,app,site" doc:"site is of old ones only"`
	Mark            string `db:"mark" json:"mark,omitempty" maxLength:"50" doc:"name of the trademark or app, as registered"`
	Registration    string `db:"registration" json:"registration,omitempty" maxLength:"64" doc:"number of the trademark, or of the app's ICP record"`
	Holder          string `db:"holder" json:"holder,omitempty" maxLength:"200" doc:"whom that is registered to, when not the party: it then needs a letter of authorisation of the holder (RN-03)"`
	QualificationID sms.ID `db:"qualification_id" json:"qualification_id,omitempty" doc:"what the signature rests on: its sub-codes have the same"`
	// What is not known stands against the signature: its text must then name the party.
	Unique    bool   `db:"unique_name" json:"unique_name,omitempty" doc:"nobody else is called so; otherwise each text must hold the party's full registered name (RN-06)"`
	State     string `db:"state" json:"state" enum:"draft,review,approved,rejected,frozen,retired" doc:"retired: its party gave it up"`
	CreatedAt int64  `db:"created_at" json:"created_at,omitempty"`
	UpdatedAt int64  `db:"updated_at" json:"updated_at,omitempty"`
}

// Foreign tells whether the mark or the app that the signature names is somebody else's than
// of the party with a name: it then needs a letter of authorisation (RN-03).
func (s *Signature) Foreign(party string) bool { return s.Holder != "" && s.Holder != party }

// Authorisation 授权委托书 lets a party use a signature that belongs to somebody else.
type Authorisation struct {
	ID          sms.ID `db:"id" json:"id,omitempty"`
	SignatureID sms.ID `db:"signature_id" json:"signature_id"`
	Grantor     string `db:"grantor" json:"grantor" minLength:"1" maxLength:"200" doc:"who owns the mark or app: the signature's holder"`
	Period
	State      string `db:"state" json:"state" enum:"pending,active,rejected,revoked"`
	DocumentID sms.ID `db:"document_id" json:"document_id,omitempty" doc:"its scan: the letter ends with it"`
}

// Filing 报备 is the state of a signature at one carrier.
type Filing struct {
	SignatureID sms.ID      `db:"signature_id" json:"signature_id,omitempty"`
	Carrier     sms.Carrier `db:"carrier" json:"carrier" enum:"mobile,unicom,telecom,broadnet,international"`
	State       string      `db:"state" json:"state" enum:"draft,submitted,approved,rejected,revoked"`
	Reference   string      `db:"reference" json:"reference,omitempty" maxLength:"100" doc:"the carrier's own"`
	Reason      string      `db:"reason" json:"reason,omitempty" enum:",name_mismatch,documents_missing,documents_expired,authorisation,mark_mismatch,not_unique,entity_type,content,port,stale,complaints,other" doc:"why it was rejected or revoked"`
	Note        string      `db:"note" json:"note,omitempty" maxLength:"200"`
	Period
	Batch       sms.ID `db:"batch" json:"batch,omitempty" doc:"the sheet by which it was submitted"`
	SubmittedBy sms.ID `db:"submitted_by" json:"submitted_by,omitempty" doc:"of the staff"`
	SubmittedAt int64  `db:"submitted_at" json:"submitted_at,omitempty"`
	AnsweredBy  sms.ID `db:"answered_by" json:"answered_by,omitempty" doc:"who of the staff wrote the carrier's answer down"`
	UpdatedAt   int64  `db:"updated_at" json:"updated_at,omitempty"`
}

// TemplateFiling 模板报备 is the state of a template's wording at one carrier (TPL-02).
type TemplateFiling struct {
	TemplateID sms.ID      `db:"template_id" json:"template_id,omitempty"`
	Version    int64       `db:"version" json:"version" doc:"another wording is filed anew"`
	Carrier    sms.Carrier `db:"carrier" json:"carrier"`
	State      string      `db:"state" json:"state" enum:"draft,submitted,approved,rejected,revoked"`
	Reference  string      `db:"reference" json:"reference,omitempty"`
	Reason     string      `db:"reason" json:"reason,omitempty"`
	Period
	UpdatedAt int64 `db:"updated_at" json:"updated_at,omitempty"`
}

// Subcode 子端口 is a binding of digits under an access code to one party, one
// signature, one qualification and one contract (PORT-02, PORT-03).
type Subcode struct {
	ID              sms.ID `db:"id" json:"id,omitempty"`
	AccessCodeID    sms.ID `db:"access_code_id" json:"access_code_id"`
	Digits          string `db:"digits" json:"digits" pattern:"^[0-9]{0,12}$"`
	PartyID         sms.ID `db:"party_id" json:"party_id"`
	SignatureID     sms.ID `db:"signature_id" json:"signature_id,omitempty"`
	QualificationID sms.ID `db:"qualification_id" json:"qualification_id"`
	ContractID      sms.ID `db:"contract_id" json:"contract_id"`
	State           string `db:"state" json:"state" enum:"pending,active,rejected,released"`
	BoundAt         int64  `db:"bound_at" json:"bound_at,omitempty"`
}

// Template 模板 is approved wording of one category.
type Template struct {
	ID        sms.ID       `db:"id" json:"id,omitempty"`
	PartyID   sms.ID       `db:"party_id" json:"party_id"`
	Category  sms.Category `db:"category" json:"category"`
	Name      string       `db:"name" json:"name"`
	Urgent    bool         `db:"urgent" json:"urgent,omitempty" doc:"of notices: what it says can't wait for the morning (TIM-02)"`
	Kind      string       `db:"kind" json:"kind,omitempty" enum:",promotion,membership,event,finance,health,education,property,survey" doc:"of marketing: what kind of content it is, empty is promotion; a consent must be to this kind (CNS-10)"`
	State     string       `db:"state" json:"state" enum:"active,frozen,closed"`
	CreatedAt int64        `db:"created_at" json:"created_at,omitempty"`
}

// TemplateVersion is one wording of a template, with ${name:type} variables.
type TemplateVersion struct {
	TemplateID sms.ID `db:"template_id" json:"template_id,omitempty"`
	Version    int64  `db:"version" json:"version"`
	Body       string `db:"body" json:"body" minLength:"1" maxLength:"1000"`
	Sensitive  string `db:"sensitive" json:"sensitive,omitempty" maxLength:"100" pattern:"^((health|finance|location|biometric|minor|belief|identity)(,(health|finance|location|biometric|minor|belief|identity))*)?$" doc:"comma-separated classes of sensitive personal information that its variables hold 敏感个人信息 (PRV-06)"`
	Basis      string `db:"basis" json:"basis,omitempty" enum:",separate_consent,contract,statutory,emergency" doc:"what they rest on: the person's separate consent, which is then asked for, or PIPL Art. 13: a contract with the person, a statutory duty, an emergency"`
	State      string `db:"state" json:"state" enum:"review,approved,rejected,retired"`
	ReviewedBy string `db:"reviewed_by" json:"reviewed_by,omitempty" doc:"id of the reviewer"`
	Period
}

// Channel 通道 is one upstream account at a carrier.
type Channel struct {
	ID           sms.ID      `db:"id" json:"id,omitempty"`
	Name         string      `db:"name" json:"name"`
	Carrier      sms.Carrier `db:"carrier" json:"carrier"`
	Protocol     string      `db:"protocol" json:"protocol" enum:"cmpp20,cmpp30,sgip12,smgp13,smgp30,smpp34,http,aliyun,tencent" doc:"http: an upstream's API as options.http describes it; aliyun, tencent: their SMS products"`
	AccessCodeID sms.ID      `db:"access_code_id" json:"access_code_id"`
	UpstreamID   sms.ID      `db:"upstream_id" json:"upstream_id,omitempty" doc:"the party whose channel it is, with a licence of its own (LIC-06); empty is the carrier itself, which no HTTP API is"`
	Address      string      `db:"address" json:"address" doc:"host:port; of an HTTP API its https address (http only on this machine), of aliyun and tencent their host"`
	Login        string      `db:"login" json:"login" doc:"of aliyun the AccessKey id, of tencent the SecretId"`
	Secret       []byte      `db:"secret" json:"-"` // sealed
	ServiceID    string      `db:"service_id" json:"service_id,omitempty"`
	Sessions     int64       `db:"sessions" json:"sessions" minimum:"1" maximum:"64"`
	Window       int64       `db:"window_size" json:"window" minimum:"1" maximum:"4096" doc:"unanswered PDUs per connection"`
	TPS          int64       `db:"tps" json:"tps,omitempty" minimum:"0" doc:"segments per second for the channel, 0 is unlimited"`
	Deduplicates bool        `db:"deduplicates" json:"deduplicates,omitempty"`
	Cost         sms.Money   `db:"cost" json:"cost,omitempty" doc:"micro-yuan per segment"`
	Priority     int64       `db:"priority" json:"priority,omitempty" doc:"channels of one carrier with the same priority are a group 通道组; a lower one is tried first"`
	Weight       int64       `db:"weight" json:"weight,omitempty" minimum:"0" maximum:"1000000" doc:"share of its group's messages; 0 has none and stands in for the others, the cheapest first"`
	Categories   string      `db:"categories" json:"categories,omitempty" pattern:"^((OTP|NOTICE|MKT|PUBLIC|CONSENT)(,(OTP|NOTICE|MKT|PUBLIC|CONSENT))*)?$" doc:"comma-separated: what it may carry, empty is everything"`
	Provinces    string      `db:"provinces" json:"provinces,omitempty" maxLength:"200" pattern:"^([1-6][0-9](,[1-6][0-9])*)?$" doc:"comma-separated codes of provinces (GB/T 2260: 11 北京, 44 广东 …) whose numbers the channel takes, empty is all"`
	State        string      `db:"state" json:"state" enum:"active,paused,frozen"`

	BackSecret []byte         `db:"back_secret" json:"-"` // sealed, see Options.BackLogin
	Options    ChannelOptions `db:"options" json:"options,omitempty"`
}

// ChannelOptions are what only some protocols or carriers ask for.
type ChannelOptions struct {
	TLS   bool      `json:"tls,omitempty" doc:"connect with TLS; the certificate must be of the address's host"`
	Split Splitting `json:"split,omitempty" doc:"how texts become PDUs on this channel"`
	// RetryStatus adds to what a protocol's documents say.
	RetryStatus []uint32       `json:"retry_status,omitempty" maxItems:"64" doc:"statuses of answers that mean over-speed on this channel: the message is not taken and may be sent again"`
	Mode        string         `json:"mode,omitempty" enum:",both,send,receive" doc:"SMGP and SMPP: what the connections are for; some gateways want a channel for each direction"`
	Node        uint32         `json:"node,omitempty" doc:"SGIP: our node number, 3AAAAQQQQQ of area code and enterprise code"`
	CorpID      string         `json:"corp_id,omitempty" maxLength:"5" doc:"SGIP: enterprise code"`
	BackLogin   string         `json:"back_login,omitempty" maxLength:"16" doc:"SGIP: the name by which the gateway logs in to our listener; it brings reports and replies there"`
	BackAllow   string         `json:"back_allow,omitempty" maxLength:"1000" doc:"SGIP: addresses from which the gateway may come, as CIDR ranges separated by commas; empty is any. Its password goes in clear: name them"`
	MsgSrc      string         `json:"msg_src,omitempty" maxLength:"8" doc:"SMGP: enterprise code, for gateways that want it"`
	MServiceID  string         `json:"m_service_id,omitempty" maxLength:"21" doc:"SMGP: product id, for gateways that want it"`
	SystemType  string         `json:"system_type,omitempty" maxLength:"12" doc:"SMPP: as agreed with the centre"`
	HTTP        *HTTPUpstream  `json:"http,omitempty" doc:"http: the API"`
	Cloud       *CloudUpstream `json:"cloud,omitempty" doc:"aliyun and tencent; of http, when the upstream takes templates in place of texts"`
	IDs         string         `json:"ids,omitempty" enum:",same,hex-decimal,decimal-hex" doc:"SMPP: base of message ids in answers and in receipts, where the centre writes them differently"`
	SAR         bool           `json:"sar,omitempty" doc:"SMPP: tell the parts of a long message by parameters in place of a header"`
	// Vendor is not said of the clouds, whose protocol says it: see Channel.Vendor.
	Vendor       string `json:"vendor,omitempty" pattern:"^([a-z][a-z0-9]{0,31})?$" doc:"whose product the upstream is, by the name of a rule pack's vendor: its rules hold here too; aliyun and tencent are so by their protocol"`
	SignatureMax int    `json:"signature_max,omitempty" minimum:"0" maximum:"32" doc:"characters of the longest signature that the upstream takes, 0 is 12 (SIG-02)"`
	// What the upstream takes beyond what the trade's usual rules allow.
	Industries   []string `json:"industries,omitempty" maxItems:"64" doc:"trades whose marketing the upstream takes, by the names of the packs' lexicons: loans, property …; the others are refused here (CNT-08)"`
	MKTVariables bool     `json:"mkt_variables,omitempty" doc:"marketing may have variables here (TPL-09)"`
	// Unsaid, the trade's usual rule decides (RN-04).
	EntityTypes []string `json:"entity_types,omitempty" maxItems:"8" enum:"company,individual,institution,government,social" doc:"types of senders that the upstream takes"`
	RefileStale bool     `json:"refile_stale,omitempty" doc:"the upstream stops signatures that were not used for months, until they are filed anew (SIG-09)"`
	// Where nobody says so, refusals don't reach us and marketing does not leave (OPT-06).
	Replies   bool      `json:"replies,omitempty" doc:"messages from handsets to this channel's access code reach us 支持上行"`
	ReplyCost sms.Money `json:"reply_cost,omitempty" minimum:"0" doc:"micro-yuan that a reply to this channel's access code costs who sends it, by the carrier's tariff 回复资费; above 0, marketing leaves with a warning (OPT-02)"`
	// Both or none; the rules' own hours hold besides.
	MKTOpen  int `json:"mkt_open,omitempty" minimum:"0" maximum:"1439" doc:"minute of the day, China time, from which this channel takes marketing; with mkt_close"`
	MKTClose int `json:"mkt_close,omitempty" minimum:"0" maximum:"1440" doc:"minute of the day at which it ends; 0 and 0: the channel has no hours of its own"`
	// Where nobody says so, an international channel's peer is abroad (PRV-11).
	Peer     string    `json:"peer,omitempty" enum:",mainland,abroad" doc:"where the upstream's system is: abroad, numbers and texts leave the mainland; empty is abroad of international channels, mainland of others"`
	Transfer *Transfer `json:"transfer,omitempty" doc:"what the cross-border transfer rests on 个人信息出境依据; without one nothing is sent over a channel whose peer is abroad"`
	// Codes only say what is shown; no connection depends on them.
	Codes []ChannelCode `json:"codes,omitempty" maxItems:"256" doc:"what this carrier's own codes mean; they go before the built-in table 状态码翻译"`
}

// ChannelCode is what a carrier's code means on one channel.
type ChannelCode struct {
	Code  string `json:"code" minLength:"1" maxLength:"24" doc:"as the carrier writes it, STAT or STAT:ERR; one that ends with * is a beginning"`
	On    string `json:"on,omitempty" enum:",report,result" doc:"a report's status (also when empty), or the number of an answer to a submit"`
	Class string `json:"class" enum:"delivered,pending,temporary,number,carrier,blocked,frequency,content,unknown"`
	Zh    string `json:"zh" minLength:"1" maxLength:"200"`
	En    string `json:"en" minLength:"1" maxLength:"200"`
	// Vacant: the number does not exist.
	Vacant bool `json:"vacant,omitempty" doc:"the number does not exist (空号): the consents of whoever had it are suspended (CNS-16)"`
}

// Entity says what the channel says of a type of senders: taken, refused, or nothing.
func (o *ChannelOptions) Entity(kind string) string {
	switch {
	case len(o.EntityTypes) == 0:
		return ""
	case slices.Contains(o.EntityTypes, kind):
		return "taken"
	}
	return "refused"
}

// Sends tells whether messages leave by the channel at all.
func (c *Channel) Sends() bool { return c.Options.Mode != "receive" }

// Carries tells whether the channel may carry messages of a category.
func (c *Channel) Carries(cat sms.Category) bool {
	return c.Categories == "" || contains(c.Categories, string(cat))
}

// Splitting is how a channel wants texts. Its zero value is the usual: ASCII for a short
// text of ASCII characters, UCS2 for everything else, a header with an 8-bit reference.
type Splitting struct {
	// Whole is not said by anybody: it is so where the upstream takes whole texts.
	Whole    bool   `json:"whole,omitempty" hidden:"true"`
	Alphabet string `json:"alphabet,omitempty" enum:",ucs2,gb18030" doc:"ucs2: UCS2 whatever the text; gb18030: GB18030, for gateways that want it"`
	// Reference16 is for gateways that mix up neighbours under 256 references.
	Reference16 bool `json:"reference16,omitempty" doc:"tie the parts of a long text by 16 bits in place of 8: a part holds 66 characters in place of 67"`
	// A text that fits 140 bytes may not fit any more once the carrier has added to it.
	AddsHead int `json:"adds_head,omitempty" minimum:"0" maximum:"50" doc:"characters that the carrier adds before each text, such as a signature: the segments leave room for them and are counted with them"`
	AddsTail int `json:"adds_tail,omitempty" minimum:"0" maximum:"50" doc:"characters that the carrier adds behind, such as how to refuse"`
}

// Segments counts the PDUs, or requests, of a text that is known to fit.
func (s Splitting) Segments(text string) (int, error) {
	if s.Whole {
		return 1, nil
	}
	return smstext.Segments(text, s.Options())
}

// Options are the splitter's.
func (s Splitting) Options() (o smstext.Options) {
	switch s.Alphabet {
	case "ucs2":
		o.Alphabet = smstext.UCS2Only
	case "gb18030":
		o.Alphabet = smstext.GBOnly
	}
	if s.Reference16 {
		o.Join = smstext.UDH16
	}
	o.Reserve = smstext.Reserve{Head: s.AddsHead, Tail: s.AddsTail}
	return o
}

// Account holds a party's money with the party above it.
type Account struct {
	ID       sms.ID    `db:"id" json:"id,omitempty"`
	PartyID  sms.ID    `db:"party_id" json:"party_id"`
	PayerID  sms.ID    `db:"payer_id" json:"payer_id,omitempty" doc:"the next account up the chain, 0 at its end"`
	Currency string    `db:"currency" json:"currency,omitempty"`
	Floor    sms.Money `db:"floor" json:"floor,omitempty" doc:"micro-yuan; the available balance never falls below it"`
	Balance  sms.Money `db:"balance" json:"balance,omitempty"`
	Held     sms.Money `db:"held" json:"held,omitempty"`
	State    string    `db:"state" json:"state"`
}

// Price is what an account pays for one unit 计费条.
type Price struct {
	AccountID sms.ID       `db:"account_id" json:"account_id,omitempty"`
	Category  sms.Category `db:"category" json:"category"`
	Carrier   sms.Carrier  `db:"carrier" json:"carrier"`
	UnitPrice sms.Money    `db:"unit_price" json:"unit_price" doc:"micro-yuan"`
	ValidFrom int64        `db:"valid_from" json:"valid_from,omitempty"`
}

// Application 应用 is what a customer's keys and logins belong to.
type Application struct {
	ID        sms.ID `db:"id" json:"id,omitempty"`
	PartyID   sms.ID `db:"party_id" json:"party_id"`
	AccountID sms.ID `db:"account_id" json:"account_id,omitempty"`
	Name      string `db:"name" json:"name"`
	State     string `db:"state" json:"state"`
	RefOnce   bool   `db:"ref_once" json:"ref_once,omitempty" doc:"of programs of the clouds' SDKs: OutId or SessionContext is the idempotency key of a request that has no other"`
	CreatedAt int64  `db:"created_at" json:"created_at,omitempty"`
}

// Kinds of measures, from the mildest.
const (
	Reminded  = "remind"  // told, and nothing else
	Slowed    = "slow"    // its marketing leaves at a pace
	Withheld  = "hold"    // its marketing waits for a reviewer
	Suspended = "suspend" // its marketing is refused
	Shut      = "close"   // whatever it sends is refused
)

// What a measure reaches: all of a party and everybody below it, or only messages with a
// signature or of a template, or marketing over a channel, whoever sends it.
const (
	OfParty     = ""
	OfSignature = "signature"
	OfTemplate  = "template"
	OfChannel   = "channel"
)

// How a violation counts on the ladder of CMP-10.
const (
	General = "general"
	Serious = "serious"
	Major   = "major"
)

// Measure 处置 is what is done about a party whose traffic shows what the law or carriers
// do not suffer. It reaches everybody below the party.
type Measure struct {
	ID        sms.ID `db:"id" json:"id"`
	PartyID   sms.ID `db:"party_id" json:"party_id" doc:"of a channel, the operator"`
	Object    string `db:"object" json:"object,omitempty" enum:",signature,template,channel" doc:"empty: the whole party and everybody below it; else only messages with the signature, of the template, or marketing over the channel"`
	ObjectID  sms.ID `db:"object_id" json:"object_id,omitempty"`
	Kind      string `db:"kind" json:"kind" enum:"remind,slow,hold,suspend,close"`
	Pace      int64  `db:"pace" json:"per_minute,omitempty" doc:"of slow: marketing messages in a minute"`
	Strike    string `db:"strike" json:"strike,omitempty" enum:",general,serious,major" doc:"how it counts on the ladder"`
	Period    string `db:"period" json:"period,omitempty" doc:"of a reminder, the month: one a month for each rule"`
	Rule      string `db:"rule" json:"rule,omitempty" doc:"of the rulebook, that asked for it; empty when a person imposed it"`
	Zh        string `db:"reason_zh" json:"zh" doc:"reason and what to do"`
	En        string `db:"reason_en" json:"en"`
	Figures   string `db:"figures" json:"figures,omitempty" doc:"JSON of what was counted"`
	ImposedBy sms.ID `db:"imposed_by" json:"imposed_by,omitempty" doc:"person of the staff, 0 is the platform"`
	ImposedAt int64  `db:"imposed_at" json:"imposed_at"`
	Appeal    string `db:"appeal" json:"appeal,omitempty" doc:"申诉: what the party says against it"`
	AppealAt  int64  `db:"appeal_at" json:"appeal_at,omitempty"`
	LiftedBy  sms.ID `db:"lifted_by" json:"lifted_by,omitempty"`
	LiftedAt  int64  `db:"lifted_at" json:"lifted_at,omitempty"`
	Why       string `db:"lifted_why" json:"lifted_why,omitempty"`
	Unfounded bool   `db:"unfounded" json:"unfounded,omitempty" doc:"it should not have been imposed, and counts as no strike"`
}

// severities order the kinds by what they stop.
var severities = map[string]int{Reminded: 1, Slowed: 1, Withheld: 2, Suspended: 3, Shut: 4}

// Severity is 1 for a reminder or a slow-down, which stop nothing, 2 for a hold, 3 for a
// suspension, 4 for a closing, 0 once it is lifted.
func (m *Measure) Severity() int {
	if m.LiftedAt != 0 {
		return 0
	}
	return severities[m.Kind]
}

// Same tells whether another measure is for the same rule about the same thing.
func (m *Measure) Same(o *Measure) bool {
	return m.Rule == o.Rule && m.Kind == o.Kind && m.Object == o.Object && m.ObjectID == o.ObjectID && m.Period == o.Period
}

// Roles of the operator's staff. Setting objects up needs none of them, but what two
// persons must agree on does.
const (
	RoleReviewer   = "reviewer"   // judges signatures, templates, lists of consents
	RoleCompliance = "compliance" // proposes and activates rule packs, answers complaints
	RoleFinance    = "finance"    // money
)

// Staff 员工 is a person who acts for the operator. A key that is bound to one tells who
// acted; two keys of one person are one person.
type Staff struct {
	ID        sms.ID `db:"id" json:"id,omitempty"`
	Name      string `db:"name" json:"name" minLength:"1" maxLength:"100"`
	Roles     string `db:"roles" json:"roles,omitempty" pattern:"^((reviewer|compliance|finance)(,(reviewer|compliance|finance))*)?$" doc:"comma-separated: reviewer 审核, compliance 合规, finance 财务"`
	State     string `db:"state" json:"state" enum:"active,closed"`
	CreatedAt int64  `db:"created_at" json:"created_at,omitempty"`
}

// Has tells whether the person may act in a role now.
func (s *Staff) Has(role string) bool { return s.State == Active && contains(s.Roles, role) }

// RulePack 规则包 is a pack of rules that a person has proposed. Its text is read apart.
type RulePack struct {
	ID         sms.ID `db:"id" json:"id"`
	Name       string `db:"name" json:"name"`
	Version    string `db:"version" json:"version"`
	Layer      string `db:"layer" json:"layer" enum:"law,channel,house"`
	Hash       []byte `db:"hash" json:"-"`       // SHA-256 of the exact text
	CasesHash  []byte `db:"cases_hash" json:"-"` // of the scenarios that came with it
	Note       string `db:"note" json:"note,omitempty"`
	State      string `db:"state" json:"state" enum:"proposed,active,retired,rejected"`
	ProposedBy sms.ID `db:"proposed_by" json:"proposed_by"`
	ProposedAt int64  `db:"proposed_at" json:"proposed_at"`
	DecidedBy  sms.ID `db:"decided_by" json:"decided_by,omitempty" doc:"who activated or rejected it"`
	DecidedAt  int64  `db:"decided_at" json:"decided_at,omitempty"`
	RetiredAt  int64  `db:"retired_at" json:"retired_at,omitempty" doc:"when another version came in its place"`
}

// Proposed is the state of a rule pack that waits for its second person.
const Proposed = "proposed"

// APIKey is a bearer key, stored as its hash; or one that signs, with an id and a secret.
type APIKey struct {
	ID            sms.ID `db:"id" json:"id,omitempty"`
	ApplicationID sms.ID `db:"application_id" json:"application_id"`
	StaffID       sms.ID `db:"staff_id" json:"staff_id,omitempty" doc:"whose it is, of the operator's staff; 0 is nobody's"`
	Hash          []byte `db:"hash" json:"-"`
	AccessID      string `db:"access_id" json:"access_key_id,omitempty" doc:"of a key that signs 签名密钥"`
	Secret        []byte `db:"secret" json:"-"` // sealed, of a key that signs
	Scopes        string `db:"scopes" json:"scopes" doc:"comma-separated: send, read, consent, admin, reveal, audit"`
	Allow         string `db:"allow" json:"allow,omitempty" doc:"comma-separated CIDR ranges, empty is any"`
	ExpiresAt     int64  `db:"expires_at" json:"expires_at,omitempty"`
	RevokedAt     int64  `db:"revoked_at" json:"revoked_at,omitempty"`
	CreatedAt     int64  `db:"created_at" json:"created_at,omitempty"`
}

// SPAccount is a customer's protocol login.
type SPAccount struct {
	ID            sms.ID       `db:"id" json:"id,omitempty"`
	ApplicationID sms.ID       `db:"application_id" json:"application_id"`
	Protocol      string       `db:"protocol" json:"protocol" enum:"cmpp,sgip,smgp,smpp"`
	Login         string       `db:"login" json:"login" pattern:"^[0-9A-Za-z]{1,15}$" doc:"CMPP takes 6 characters, SMGP 8"`
	Secret        []byte       `db:"secret" json:"-"` // sealed
	Version       int64        `db:"version" json:"version"`
	MaxSessions   int64        `db:"max_sessions" json:"max_sessions"`
	Window        int64        `db:"window_size" json:"window"`
	TPS           int64        `db:"tps" json:"tps,omitempty"`
	Allow         string       `db:"allow" json:"allow,omitempty"`
	Category      sms.Category `db:"category" json:"category,omitempty" doc:"of messages whose template does not say"`
	State         string       `db:"state" json:"state"`
	// SGIP's reports and replies are brought to the customer by a connection of ours.
	BackAddress string `db:"back_address" json:"back_address,omitempty" maxLength:"255" doc:"SGIP: host:port where the customer listens for reports and replies"`
	BackLogin   string `db:"back_login" json:"back_login,omitempty" maxLength:"16" doc:"SGIP: by what we log in there"`
	BackSecret  []byte `db:"back_secret" json:"-"` // sealed
}
