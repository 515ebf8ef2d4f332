"""Drives Tencent Cloud's Python SDK."""
import time

from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.sms.v20210111 import models, sms_client

from lines import answer

now = time.time


def call(c):
    endpoint, key_id, secret, app, template = c['endpoint'], c['id'], c['secret'], c['app'], c['template']
    time.time = lambda: now() - c.get('behind', 0)  # the clock of this machine is wrong
    profile = ClientProfile()
    profile.httpProfile.endpoint = endpoint  # host:port
    profile.httpProfile.scheme = 'http'  # only where there is no TLS
    profile.httpProfile.reqMethod = c.get('method') or 'POST'
    profile.signMethod = c.get('algorithm') or 'TC3-HMAC-SHA256'
    client = sms_client.SmsClient(Credential(key_id, secret), 'ap-guangzhou', profile)
    if c['do'] == 'send':
        request = models.SendSmsRequest()
        request.SmsSdkAppId = app
        request.SignName = c['sign']
        request.TemplateId = template
        request.PhoneNumberSet = c['to']
        request.TemplateParamSet = c.get('params') or []
        request.SessionContext = c.get('session', '')
        response = client.SendSms(request)
        return dict(numbers=[
            dict(serial=s.SerialNo, to=s.PhoneNumber, fee=s.Fee, session=s.SessionContext, code=s.Code, message=s.Message)
            for s in response.SendStatusSet
        ])
    if c['do'] == 'reports':
        request = models.PullSmsSendStatusRequest()
        request.SmsSdkAppId = app
        request.Limit = 100
        response = client.PullSmsSendStatus(request)
    else:
        request = models.PullSmsSendStatusByPhoneNumberRequest()
        request.SmsSdkAppId = app
        request.PhoneNumber = c['to'][0]
        request.BeginTime = c['since']
        request.Offset = 0
        request.Limit = 10
        response = client.PullSmsSendStatusByPhoneNumber(request)
    return dict(numbers=[
        dict(serial=s.SerialNo, to=s.PhoneNumber, session=s.SessionContext, code=s.ReportStatus, message=s.Description)
        for s in response.PullSmsSendStatusSet
    ])


def run(c):
    try:
        return call(c)
    except TencentCloudSDKException as e:
        return dict(thrown=e.code, message=e.message)


answer(run)
