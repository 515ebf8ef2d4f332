package sgip

// Result is what a response says of its request, and in a Report why a message
// failed. SGIP 1.2, ErrorCode.
type Result uint8

// Results of responses.
const (
	ResultOK             Result = 0
	ResultBadLogin       Result = 1  // name or password is wrong
	ResultRepeatedLogin  Result = 2  // second Bind on one connection
	ResultTooManyConns   Result = 3  // more connections than agreed
	ResultBadLoginType   Result = 4  // login type is not allowed
	ResultBadParameter   Result = 5  // a field has a bad value
	ResultBadNumber      Result = 6  // bad phone number, or 86 is missing
	ResultBadCommand     Result = 7  // unknown command id, or wrong direction
	ResultBadLength      Result = 8  // length is wrong
	ResultBadSequence    Result = 9  // bad sequence, or one repeated with other content
	ResultIllegalGNS     Result = 10 // illegal GNS operation
	ResultBusy           Result = 11 // node busy, queue full: slow down
	ResultVendorThrottle Result = 88 // over speed: not in SGIP, borrowed from SMPP by vendors
)

// Results of reports, why a message failed.
const (
	ResultUnreachable   Result = 21 // destination unreachable
	ResultRouting       Result = 22 // routing error
	ResultNoRoute       Result = 23 // there is no route
	ResultBadCharge     Result = 24 // billed number is invalid
	ResultUserAbsent    Result = 25 // subscriber is off or out of area
	ResultMemoryFull    Result = 26 // handset's memory is full
	ResultNoSMS         Result = 27 // handset has no SMS
	ResultHandset       Result = 28 // handset had an error in receiving
	ResultUnknownUser   Result = 29 // unknown subscriber
	ResultNotProvided   Result = 30 // feature is not provided
	ResultIllegalDevice Result = 31 // illegal device
	ResultSystemFailure Result = 32 // system failure
	ResultCentreFull    Result = 33 // message centre's queue is full
)

// State is what became of a message, in a Report. SGIP 1.2, REPORT.
type State uint8

// The states.
const (
	StateDelivered State = 0 // success
	StateWaiting   State = 1 // on its way or accepted; another report follows
	StateFailed    State = 2 // ErrorCode says why
)
