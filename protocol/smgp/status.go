package smgp

// Values of the Status fields (SMGP 3.0.3 §6.2.6); 3 to 9, 13 to 19 and 23 to 29 are reserved, 50 to
// 55 and 112 to 116 have other uses. None of them says over speed:
// StatusBusy may be tried again after a while, StatusVolume not before the next
// day. Which others may be tried again differs between gateways.
const (
	StatusOK           uint32 = 0   // accepted
	StatusBusy         uint32 = 1   // system busy
	StatusConnections  uint32 = 2   // too many connections
	StatusMalformed    uint32 = 10  // bad structure of the message
	StatusCommand      uint32 = 11  // bad command
	StatusSequence     uint32 = 12  // sequence repeated
	StatusAddress      uint32 = 20  // bad IP address
	StatusAuth         uint32 = 21  // authentication failed
	StatusVersion      uint32 = 22  // version too high
	StatusMsgType      uint32 = 30  // bad MsgType
	StatusPriority     uint32 = 31  // bad Priority
	StatusFeeType      uint32 = 32  // bad FeeType
	StatusFeeCode      uint32 = 33  // bad FeeCode
	StatusMsgFormat    uint32 = 34  // bad MsgFormat
	StatusTimeFormat   uint32 = 35  // bad format of a time
	StatusMsgLength    uint32 = 36  // bad length
	StatusExpired      uint32 = 37  // validity is over
	StatusQueryType    uint32 = 38  // bad QueryType
	StatusRouting      uint32 = 39  // routing error
	StatusFixedFee     uint32 = 40  // bad FixedFee
	StatusUpdateType   uint32 = 41  // bad UpdateType
	StatusRouteID      uint32 = 42  // bad RouteId
	StatusServiceID    uint32 = 43  // bad ServiceId
	StatusValidTime    uint32 = 44  // bad ValidTime
	StatusAtTime       uint32 = 45  // bad AtTime
	StatusSrcTermID    uint32 = 46  // bad SrcTermId
	StatusDestTermID   uint32 = 47  // bad DestTermId
	StatusChargeTermID uint32 = 48  // bad ChargeTermId
	StatusSPCode       uint32 = 49  // bad SPCode
	StatusRouteFirst   uint32 = 56  // errors of the routing table are 56 …
	StatusRouteLast    uint32 = 72  // … to 72
	StatusMServiceID   uint32 = 73  // bad MServiceID
	StatusHours        uint32 = 74  // the service provider may not send at this hour
	StatusVolume       uint32 = 75  // the service provider is over its daily volume
	StatusAccount      uint32 = 76  // the service provider's account has expired
	StatusVendorFirst  uint32 = 128 // vendors define 128 …
	StatusVendorLast   uint32 = 255 // … to 255
)
