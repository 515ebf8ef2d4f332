package smpp

import "strings"

// Status is a command_status. SMPP 3.4 §5.1.3; 0x400 to 0x4FF are a centre's own.
type Status uint32

// The statuses.
const (
	StatusOK              Status = 0x00 // ESME_ROK: no error
	StatusInvMsgLen       Status = 0x01 // ESME_RINVMSGLEN: sm_length is wrong
	StatusInvCmdLen       Status = 0x02 // ESME_RINVCMDLEN: command_length is wrong
	StatusInvCmdID        Status = 0x03 // ESME_RINVCMDID: unknown command
	StatusInvBindStatus   Status = 0x04 // ESME_RINVBNDSTS: not allowed in this state of the session
	StatusAlreadyBound    Status = 0x05 // ESME_RALYBND: bound already
	StatusInvPriority     Status = 0x06 // ESME_RINVPRTFLG: priority_flag
	StatusInvRegDelivery  Status = 0x07 // ESME_RINVREGDLVFLG: registered_delivery
	StatusSysErr          Status = 0x08 // ESME_RSYSERR: the centre's own failure, try later
	StatusInvSrcAddr      Status = 0x0A // ESME_RINVSRCADR: source address
	StatusInvDstAddr      Status = 0x0B // ESME_RINVDSTADR: destination address
	StatusInvMsgID        Status = 0x0C // ESME_RINVMSGID: message_id
	StatusBindFail        Status = 0x0D // ESME_RBINDFAIL: bind failed
	StatusInvPassword     Status = 0x0E // ESME_RINVPASWD: password
	StatusInvSystemID     Status = 0x0F // ESME_RINVSYSID: system_id
	StatusCancelFail      Status = 0x11 // ESME_RCANCELFAIL: cancel_sm failed
	StatusReplaceFail     Status = 0x13 // ESME_RREPLACEFAIL: replace_sm failed
	StatusMsgQueueFull    Status = 0x14 // ESME_RMSGQFUL: the queue is full, try later
	StatusInvServiceType  Status = 0x15 // ESME_RINVSERTYP: service_type
	StatusInvNumDests     Status = 0x33 // ESME_RINVNUMDESTS: number of destinations
	StatusInvDLName       Status = 0x34 // ESME_RINVDLNAME: distribution list
	StatusInvDestFlag     Status = 0x40 // ESME_RINVDESTFLAG: destination flag of submit_multi
	StatusInvSubmitRep    Status = 0x42 // ESME_RINVSUBREP: submit with replace is not supported or wrong
	StatusInvEsmClass     Status = 0x43 // ESME_RINVESMCLASS: esm_class
	StatusCannotSubmitDL  Status = 0x44 // ESME_RCNTSUBDL: no submit to that distribution list
	StatusSubmitFail      Status = 0x45 // ESME_RSUBMITFAIL: submit failed, for good
	StatusInvSrcTON       Status = 0x48 // ESME_RINVSRCTON: source TON
	StatusInvSrcNPI       Status = 0x49 // ESME_RINVSRCNPI: source NPI
	StatusInvDstTON       Status = 0x50 // ESME_RINVDSTTON: destination TON
	StatusInvDstNPI       Status = 0x51 // ESME_RINVDSTNPI: destination NPI
	StatusInvSystemType   Status = 0x53 // ESME_RINVSYSTYP: system_type
	StatusInvReplaceFlag  Status = 0x54 // ESME_RINVREPFLAG: replace_if_present_flag
	StatusInvNumMsgs      Status = 0x55 // ESME_RINVNUMMSGS: number of messages
	StatusThrottled       Status = 0x58 // ESME_RTHROTTLED: over speed, try later
	StatusInvSchedule     Status = 0x61 // ESME_RINVSCHED: schedule_delivery_time
	StatusInvExpiry       Status = 0x62 // ESME_RINVEXPIRY: validity_period
	StatusInvDefaultMsgID Status = 0x63 // ESME_RINVDFTMSGID: sm_default_msg_id
	StatusRxTemporary     Status = 0x64 // ESME_RX_T_APPN: the receiver can't now, deliver again
	StatusRxPermanent     Status = 0x65 // ESME_RX_P_APPN: the receiver never can
	StatusRxReject        Status = 0x66 // ESME_RX_R_APPN: the receiver refuses this message
	StatusQueryFail       Status = 0x67 // ESME_RQUERYFAIL: query_sm failed
	StatusInvOptParStream Status = 0xC0 // ESME_RINVOPTPARSTREAM: optional parameters can't be read
	StatusOptParNotAllwd  Status = 0xC1 // ESME_ROPTPARNOTALLWD: optional parameter not allowed here
	StatusInvParLen       Status = 0xC2 // ESME_RINVPARLEN: length of a parameter
	StatusMissingOptParam Status = 0xC3 // ESME_RMISSINGOPTPARAM: an expected parameter is missing
	StatusInvOptParamVal  Status = 0xC4 // ESME_RINVOPTPARAMVAL: value of a parameter
	StatusDeliveryFailure Status = 0xFE // ESME_RDELIVERYFAILURE: delivery failed, in data_sm_resp
	StatusUnknownErr      Status = 0xFF // ESME_RUNKNOWNERR: no other tells it
)

// EsmClass is an esm_class: mode in bits 0 and 1, type in bits 2 to 5, features
// in bits 6 and 7. SMPP 3.4 §5.2.12.
type EsmClass uint8

// Parts of EsmClass.
const (
	EsmModeMask     EsmClass = 0x03
	EsmDefaultMode  EsmClass = 0x00 // the centre's, usually store and forward
	EsmDatagram     EsmClass = 0x01
	EsmForward      EsmClass = 0x02 // transaction mode: the answer tells the delivery
	EsmStoreForward EsmClass = 0x03

	EsmTypeMask     EsmClass = 0x3C
	EsmReceipt      EsmClass = 0x04 // from the centre: a delivery receipt
	EsmDeliveryAck  EsmClass = 0x08 // the recipient acknowledges the delivery
	EsmManualAck    EsmClass = 0x10 // the recipient's user acknowledges
	EsmConvAbort    EsmClass = 0x18 // conversation abort, Korean CDMA
	EsmIntermediate EsmClass = 0x20 // from the centre: not delivered yet

	EsmUDHI      EsmClass = 0x40 // the content begins with a user data header
	EsmReplyPath EsmClass = 0x80 // the answer goes the same way back
)

// HasUDH tells whether the content begins with a user data header.
func (c EsmClass) HasUDH() bool { return c&EsmUDHI != 0 }

// IsReceipt tells a delivery receipt in deliver_sm or data_sm.
func (c EsmClass) IsReceipt() bool { return c&EsmTypeMask == EsmReceipt }

// RegisteredDelivery says which reports are wanted. SMPP 3.4 §5.2.17.
type RegisteredDelivery uint8

// Parts of RegisteredDelivery.
const (
	RegisteredNone         RegisteredDelivery = 0x00
	RegisteredReceipt      RegisteredDelivery = 0x01 // a receipt on success and failure
	RegisteredFailure      RegisteredDelivery = 0x02 // a receipt on failure only
	RegisteredDeliveryAck  RegisteredDelivery = 0x04 // the recipient's delivery acknowledgement
	RegisteredManualAck    RegisteredDelivery = 0x08 // the user's acknowledgement
	RegisteredIntermediate RegisteredDelivery = 0x10 // notes while it is on its way
)

// DataCoding is a data_coding. SMPP 3.4 §5.2.19; from 0xC0 on it is that of GSM
// 03.38, message waiting and class.
type DataCoding uint8

// The codings. 11, 12 and 15 are reserved: a peer's GB18030 is not among them.
const (
	CodingDefault     DataCoding = 0 // the centre's alphabet, usually GSM 7-bit, not packed
	CodingASCII       DataCoding = 1 // IA5
	CodingOctet       DataCoding = 2 // bytes, meaning unspecified
	CodingLatin1      DataCoding = 3 // ISO 8859-1
	CodingBinary      DataCoding = 4 // bytes, meaning unspecified
	CodingJIS         DataCoding = 5 // X 0208-1990
	CodingCyrillic    DataCoding = 6 // ISO 8859-5
	CodingHebrew      DataCoding = 7 // ISO 8859-8
	CodingUCS2        DataCoding = 8 // UTF-16, big endian
	CodingPictogram   DataCoding = 9
	CodingISO2022JP   DataCoding = 10 // music codes
	CodingExtendedJIS DataCoding = 13 // X 0212-1990
	CodingKSC5601     DataCoding = 14 // Korean
)

// TON is the type of a number. SMPP 3.4 §5.2.5.
type TON uint8

// The types of number.
const (
	TONUnknown       TON = 0
	TONInternational TON = 1 // with country code
	TONNational      TON = 2
	TONNetwork       TON = 3 // specific to the network, a short code
	TONSubscriber    TON = 4
	TONAlphanumeric  TON = 5 // a name; NPI is then NPIUnknown
	TONAbbreviated   TON = 6
)

// NPI is the numbering plan of a number. SMPP 3.4 §5.2.6.
type NPI uint8

// The numbering plans.
const (
	NPIUnknown    NPI = 0
	NPIISDN       NPI = 1 // E.164, telephone numbers
	NPIData       NPI = 3 // X.121
	NPITelex      NPI = 4 // F.69
	NPILandMobile NPI = 6 // E.212
	NPINational   NPI = 8
	NPIPrivate    NPI = 9
	NPIERMES      NPI = 10
	NPIInternet   NPI = 14
	NPIWAP        NPI = 18 // WAP client id
)

// MessageState is what became of a message. SMPP 3.4 §5.2.28.
type MessageState uint8

// The states; zero is none.
const (
	StateEnroute       MessageState = 1 // on its way, not final
	StateDelivered     MessageState = 2 // at the handset
	StateExpired       MessageState = 3 // its validity ended first
	StateDeleted       MessageState = 4 // cancelled or removed
	StateUndeliverable MessageState = 5 // can't be delivered
	StateAccepted      MessageState = 6 // read on the subscriber's behalf; centres also use it for "taken on"
	StateUnknown       MessageState = 7 // the centre does not know
	StateRejected      MessageState = 8 // refused
)

// Stat is the state's name in the text of a receipt, empty for a state that has
// none. SMPP 3.4 Appendix B.
func (s MessageState) Stat() string {
	switch s {
	case StateEnroute:
		return "ENROUTE"
	case StateDelivered:
		return "DELIVRD"
	case StateExpired:
		return "EXPIRED"
	case StateDeleted:
		return "DELETED"
	case StateUndeliverable:
		return "UNDELIV"
	case StateAccepted:
		return "ACCEPTD"
	case StateUnknown:
		return "UNKNOWN"
	case StateRejected:
		return "REJECTD"
	default:
		return ""
	}
}

// ParseStat reads a state's name in any case, spelled out or not; zero is a name
// that it does not know.
func ParseStat(stat string) MessageState {
	switch s := strings.ToUpper(stat); s {
	case "DELIVERED":
		return StateDelivered
	case "UNDELIVERABLE":
		return StateUndeliverable
	case "ACCEPTED":
		return StateAccepted
	case "REJECTED":
		return StateRejected
	case "":
		return 0
	default:
		for state := StateEnroute; state <= StateRejected; state++ {
			if s == state.Stat() {
				return state
			}
		}
		return 0
	}
}
