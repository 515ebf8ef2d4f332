module github.com/zhunxin/zhunxin/apptest/sdks/tencent-go

go 1.26

require (
	github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common v1.0.1200
	github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/sms v1.0.1200
)
