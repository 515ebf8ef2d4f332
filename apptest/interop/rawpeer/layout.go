package rawpeer

// The fixed parts of the PDUs, in the order of the specifications' tables. What is of
// variable length (destinations, content, optional parameters) follows as pieces of its own.

// CMPP 2.0 and 3.0.
type (
	CMPPConnect struct {
		Source  [6]byte
		Proof   [16]byte
		Version uint8
		Time    uint32
	}
	CMPPConnectResp20 struct {
		Status  uint8
		Proof   [16]byte
		Version uint8
	}
	CMPPConnectResp30 struct {
		Status  uint32
		Proof   [16]byte
		Version uint8
	}
	CMPPSubmitStart struct {
		MsgID                              uint64
		PkTotal, PkNumber, Registered, Lvl uint8
		ServiceID                          [10]byte
		FeeUserType                        uint8
	}
	CMPPFee30 struct {
		Terminal [32]byte
		Type     uint8
	}
	CMPPSubmitMiddle struct {
		Pid, UDHI, Format uint8
		MsgSrc            [6]byte
		FeeType           [2]byte
		FeeCode           [6]byte
		Valid, At         [17]byte
		Source            [21]byte
		Count             uint8
	}
	CMPPResp20 struct { // of SUBMIT and DELIVER
		MsgID  uint64
		Result uint8
	}
	CMPPResp30 struct {
		MsgID  uint64
		Result uint32
	}
	CMPPDeliver20 struct {
		MsgID              uint64
		Dest               [21]byte
		ServiceID          [10]byte
		Pid, UDHI, Format  uint8
		Source             [21]byte
		Registered, Length uint8
	}
	CMPPDeliver30 struct {
		MsgID                          uint64
		Dest                           [21]byte
		ServiceID                      [10]byte
		Pid, UDHI, Format              uint8
		Source                         [32]byte
		SourceType, Registered, Length uint8
	}
	CMPPReport20 struct {
		MsgID            uint64
		Stat             [7]byte
		Submitted, Ended [10]byte
		Dest             [21]byte
		Sequence         uint32
	}
	CMPPReport30 struct {
		MsgID            uint64
		Stat             [7]byte
		Submitted, Ended [10]byte
		Dest             [32]byte
		Sequence         uint32
	}
)

// SGIP 1.2.
type (
	SGIPBind struct {
		Type           uint8
		Name, Password [16]byte
		Reserve        [8]byte
	}
	SGIPResp struct {
		Result  uint8
		Reserve [8]byte
	}
	SGIPSubmitStart struct {
		Source, Charge [21]byte
		Count          uint8
	}
	SGIPSubmitEnd struct {
		Corp                                [5]byte
		Service                             [10]byte
		FeeType                             uint8
		FeeValue, GivenValue                [6]byte
		Agent, Morelate, Priority           uint8
		Expire, Schedule                    [16]byte
		ReportFlag, Pid, UDHI, Coding, Type uint8
		Length                              uint32
	}
	SGIPDeliver struct {
		User, Dest        [21]byte
		Pid, UDHI, Coding uint8
		Length            uint32
	}
	SGIPReport struct {
		Node, Time, Count uint32
		Type              uint8
		User              [21]byte
		State, Error      uint8
		Reserve           [8]byte
	}
	SGIPUserRpt struct {
		Dest, User [21]byte
		Condition  uint8
		Reserve    [8]byte
	}
)

// SMGP 3.0.3 and 1.3.
type (
	SMGPLogin struct {
		Client  [8]byte
		Proof   [16]byte
		Mode    uint8
		Time    uint32
		Version uint8
	}
	SMGPLoginResp struct {
		Status  uint32
		Proof   [16]byte
		Version uint8
	}
	SMGPSubmitStart struct {
		Type, NeedReport, Priority uint8
		Service                    [10]byte
		FeeType                    [2]byte
		FeeCode                    [6]byte
	}
	SMGPSubmitMiddle struct { // FixedFee, which 1.3 lacks, stands before it
		Format         uint8
		Valid, At      [17]byte
		Source, Charge [21]byte
		Count          uint8
	}
	SMGPResp struct { // of Submit and Deliver
		MsgID  [10]byte
		Status uint32
	}
	SMGPDeliver struct {
		MsgID            [10]byte
		IsReport, Format uint8
		Received         [14]byte
		Source, Dest     [21]byte
		Length           uint8
	}
	TLV1 struct { // a parameter of one byte
		Tag, Length uint16
		Value       uint8
	}
	TLVHead struct{ Tag, Length uint16 }
)
