package sms

// Cloud is what a reason is called by the SDKs of the clouds, so that programs written for
// those handle a refusal as one that they know.
type Cloud struct {
	Aliyun  string // Code of Dysmsapi 2017-05-25
	Tencent string // Code of sms 2021-01-11
}

// Where no cloud has a word for a reason, its family has one.
var (
	cloudLimit    = Cloud{"isv.BUSINESS_LIMIT_CONTROL", "LimitExceeded.DeliveryFrequencyLimit"}
	cloudBlocked  = Cloud{"isv.BUSINESS_LIMIT_CONTROL", "FailedOperation.PhoneNumberInBlacklist"}
	cloudContent  = Cloud{"isv.SMS_CONTENT_ILLEGAL", "FailedOperation.ContainSensitiveWord"}
	cloudTemplate = Cloud{"isv.SMS_TEMPLATE_ILLEGAL", "FailedOperation.TemplateUnapprovedOrNotExist"}
	cloudSign     = Cloud{"isv.SMS_SIGNATURE_ILLEGAL", "FailedOperation.SignatureIncorrectOrUnapproved"}
	cloudUnfiled  = Cloud{"isv.SIGN_STATE_ILLEGAL", "FailedOperation.SignatureIncorrectOrUnapproved"}
	cloudParty    = Cloud{"isv.ACCOUNT_ABNORMAL", "UnauthorizedOperation.SdkAppIdIsDisabled"}
	cloudParam    = Cloud{"isv.INVALID_PARAMETERS", "InvalidParameter"}
	cloudDown     = Cloud{"ServiceUnavailable", "InternalError.OtherError"}
	cloudOther    = Cloud{"isv.BUSINESS_LIMIT_CONTROL", "FailedOperation.OtherError"}
)

var clouds = map[Code]Cloud{
	OK:                 {"OK", "Ok"},
	BadRequest:         cloudParam,
	BadNumber:          {"isv.MOBILE_NUMBER_ILLEGAL", "InvalidParameterValue.IncorrectPhoneNumber"},
	BadText:            cloudParam,
	TextTooLong:        {"isv.PARAM_LENGTH_LIMIT", "InvalidParameterValue.ContentLengthLimit"},
	TooManyRecipients:  {"isv.MOBILE_COUNT_OVER_LIMIT", "LimitExceeded.PhoneNumberCountLimit"},
	DuplicateRecipient: {"isv.MOBILE_NUMBER_ILLEGAL", "InvalidParameterValue.IncorrectPhoneNumber"},
	BodyTooLarge:       {"isv.INVALID_PARAMETERS", "InvalidParameter"},
	Unauthenticated:    {"InvalidAccessKeyId.NotFound", "AuthFailure.SecretIdNotFound"},
	KeyExpired:         {"InvalidAccessKeyId.Inactive", "AuthFailure.SecretIdNotFound"},
	AddressNotAllowed:  {"isv.DENY_IP_RANGE", "UnauthorizedOperation.RequestIpNotInWhitelist"},
	Forbidden:          {"isp.RAM_PERMISSION_DENY", "UnauthorizedOperation.RequestPermissionDeny"},
	NotFound:           cloudParam,
	SignatureWrong:     {"SignatureDoesNotMatch", "AuthFailure.SignatureFailure"},
	ClockSkew:          {"InvalidTimeStamp.Expired", "AuthFailure.SignatureExpire"},
	NonceUsed:          {"SignatureNonceUsed", "AuthFailure.SignatureFailure"},
	UnknownAction:      {"InvalidAction.NotFound", "InvalidAction"},
	IdempotencyKey:     cloudParam,
	RateLimited:        {"Throttling.User", "RequestLimitExceeded"},
	Busy:               {"Throttling.Api", "RequestLimitExceeded"},
	FactUnreadable:     cloudDown,
	StoreUnavailable:   cloudDown,
	RulebookUnusable:   cloudDown,
	Internal:           {"isp.SYSTEM_ERROR", "InternalError.OtherError"},

	BalanceTooLow:  {"isv.AMOUNT_NOT_ENOUGH", "FailedOperation.InsufficientBalanceInSmsPackage"},
	PriceMissing:   {"isv.OUT_OF_SERVICE", "UnauthorizedOperation.ServiceSuspendDueToArrears"},
	NoChannel:      {"isv.MOBILE_NUMBER_ILLEGAL", "UnsupportedOperation.UnsupportedRegion"},
	SourceTooLong:  {"isv.EXTEND_CODE_ERROR", "InvalidParameter"},
	NotAfterPassed: cloudOther,
	PartyFrozen:    cloudParty,

	LicenceInvalid:      cloudParty,
	AgentNotCompany:     cloudParty,
	AgentModeForbids:    cloudParty,
	PortNotBound:        {"isv.EXTEND_CODE_ERROR", "FailedOperation.SignatureIncorrectOrUnapproved"},
	PortSharedBinding:   {"isv.EXTEND_CODE_ERROR", "FailedOperation.SignatureIncorrectOrUnapproved"},
	AccessCodeMisused:   {"isv.EXTEND_CODE_ERROR", "FailedOperation.OtherError"},
	ChannelCategory:     {"isv.SMS_SIGNATURE_SCENE_ILLEGAL", "FailedOperation.TemplateIncorrectOrUnapproved"},
	Unauthorised:        cloudSign,
	SenderUnnamed:       cloudSign,
	SenderAmbiguous:     cloudSign,
	SignatureMismatch:   cloudSign,
	SignatureEntity:     cloudSign,
	SignatureNotFiled:   cloudUnfiled,
	SignatureForm:       cloudSign,
	TemplateNotApproved: cloudTemplate,
	TemplateNotFiled:    cloudTemplate,
	TemplateUnfiled:     cloudTemplate,
	TemplateForm:        cloudTemplate,
	OTPForm:             cloudTemplate,
	NoticeForm:          cloudTemplate,
	MKTForm:             cloudTemplate,
	RefusalMissing:      {"isv.SMS_TEMPLATE_ILLEGAL", "InvalidParameterValue.MarketingTemplateWithoutUnsubscribe"},
	VariableForbidden:   {"isv.PARAM_LENGTH_LIMIT", "InvalidParameterValue.TemplateParameterLengthLimit"},
	VariablesMismatch:   {"isv.TEMPLATE_MISSING_PARAMETERS", "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"},
	VariableFormat:      {"isv.TEMPLATE_PARAMS_ILLEGAL", "InvalidParameterValue.TemplateParameterFormatError"},
	VariablesUnreadable: {"isv.INVALID_JSON_PARAM", "FailedOperation.JsonParseFail"},
	LinkForbidden:       {"isv.PARAM_NOT_SUPPORT_URL", "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter"},

	TextSymbols:      cloudContent,
	ContactForbidden: cloudContent,
	TextDisguised:    cloudContent,
	ContentForbidden: cloudContent,
	LinkDangerous:    cloudContent,
	Impersonation:    cloudContent,
	PromotionReview:  cloudContent,
	IndustryRefused:  cloudContent,
	AdForbidden:      cloudContent,
	AdReview:         cloudContent,
	AdIncomplete:     cloudContent,

	PartyHeld:        cloudParty,
	PartySuspended:   cloudParty,
	NumberRange:      cloudBlocked,
	ConsentMissing:   cloudBlocked,
	ConsentSuspended: cloudBlocked,
	AlreadyAsked:     cloudBlocked,
	OptedOut:         cloudBlocked,
	SuppressedScope:  cloudBlocked,
	FrequencyOTP:     cloudLimit,
	FrequencyNotice:  cloudLimit,
	FrequencyMKT:     {"isv.BUSINESS_LIMIT_CONTROL", "LimitExceeded.PhoneNumberDailyLimit"},
	FrequencyContent: {"isv.BUSINESS_LIMIT_CONTROL", "LimitExceeded.PhoneNumberSameContentDailyLimit"},
	FrequencyAll:     {"isv.BUSINESS_LIMIT_CONTROL", "LimitExceeded.PhoneNumberDailyLimit"},
	OutsideHours:     {"isv.BUSINESS_LIMIT_CONTROL", "FailedOperation.MarketingSendTimeConstraint"},
}

// CloudOf is what a reason is called there: a family's word where no cloud has one for it.
func CloudOf(c Code) Cloud {
	if x, ok := clouds[c]; ok {
		return x
	}
	return cloudOther
}
