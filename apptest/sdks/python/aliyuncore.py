"""Drives Aliyun's old Python core, with the requests of its dysmsapi."""
import json

from aliyunsdkcore.acs_exception.exceptions import ClientException, ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkdysmsapi.request.v20170525.QuerySendDetailsRequest import QuerySendDetailsRequest
from aliyunsdkdysmsapi.request.v20170525.SendBatchSmsRequest import SendBatchSmsRequest
from aliyunsdkdysmsapi.request.v20170525.SendSmsRequest import SendSmsRequest

from lines import answer


def call(c):
    endpoint, key_id, secret, template = c['endpoint'], c['id'], c['secret'], c['template']
    client = AcsClient(key_id, secret, 'cn-hangzhou')
    if c['do'] == 'send':
        request = SendSmsRequest()
        request.set_PhoneNumbers(c['to'])
        request.set_SignName(c['sign'])
        request.set_TemplateCode(template)
        request.set_TemplateParam(c['params'])
        request.set_OutId(c.get('outid'))
    elif c['do'] == 'batch':
        request = SendBatchSmsRequest()
        request.set_PhoneNumberJson(c['to'])
        request.set_SignNameJson(c['sign'])
        request.set_TemplateCode(template)
        request.set_TemplateParamJson(c['params'])
    else:
        request = QuerySendDetailsRequest()
        request.set_PhoneNumber(c['to'])
        request.set_BizId(c['biz'])
        request.set_SendDate(c['day'])
        request.set_PageSize(10)
        request.set_CurrentPage(1)
    request.set_endpoint(endpoint)  # host:port
    request.set_protocol_type('http')  # only where there is no TLS
    if c.get('method'):
        request.set_method(c['method'])
    body = json.loads(client.do_action_with_exception(request))
    told = dict(code=body['Code'], message=body['Message'], biz=body.get('BizId', ''), total=0)
    for d in body.get('SmsSendDetailDTOs', {}).get('SmsSendDetailDTO', []):
        told.update(total=told['total'] + 1, status=d['SendStatus'], err_code=d['ErrCode'], out_id=d['OutId'], content=d['Content'])
    return told


def run(c):
    try:
        return call(c)
    except ServerException as e:
        return dict(thrown=e.get_error_code(), message=e.get_error_msg())
    except ClientException as e:
        return dict(thrown=str(e))


answer(run)
