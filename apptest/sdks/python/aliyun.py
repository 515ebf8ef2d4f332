"""Drives Aliyun's Python SDK."""
from alibabacloud_dysmsapi20170525 import models
from alibabacloud_dysmsapi20170525.client import Client
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.runtime import ExtendsParameters, RuntimeOptions
from Tea.exceptions import TeaException

from lines import answer


def call(c):
    endpoint, key_id, secret, template = c['endpoint'], c['id'], c['secret'], c['template']
    config = Config(
        access_key_id=key_id,
        access_key_secret=secret,
        endpoint=endpoint,  # host:port
        protocol='http',  # only where there is no TLS
    )
    if c.get('algorithm'):
        config.signature_algorithm = c['algorithm']
    client = Client(config)
    if c['do'] == 'send':
        request = models.SendSmsRequest(
            phone_numbers=c['to'],
            sign_name=c['sign'],
            template_code=template,
            template_param=c['params'],
            out_id=c.get('outid'),
        )
        runtime = RuntimeOptions(extends_parameters=ExtendsParameters(headers=c.get('headers')))
        body = client.send_sms_with_options(request, runtime).body
        return dict(code=body.code, message=body.message, biz=body.biz_id)
    if c['do'] == 'batch':
        body = client.send_batch_sms(models.SendBatchSmsRequest(
            phone_number_json=c['to'],
            sign_name_json=c['sign'],
            template_code=template,
            template_param_json=c['params'],
        )).body
        return dict(code=body.code, message=body.message, biz=body.biz_id)
    body = client.query_send_details(models.QuerySendDetailsRequest(
        phone_number=c['to'],
        biz_id=c['biz'],
        send_date=c['day'],
        page_size=10,
        current_page=1,
    )).body
    told = dict(code=body.code, message=body.message, total=0)
    for d in body.sms_send_detail_dtos.sms_send_detail_dto or []:
        told.update(total=told['total'] + 1, status=d.send_status, err_code=d.err_code, out_id=d.out_id, content=d.content)
    return told


def run(c):
    try:
        return call(c)
    except TeaException as e:
        return dict(thrown=e.code, message=e.message)


answer(run)
