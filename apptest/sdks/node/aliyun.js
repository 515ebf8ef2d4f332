// Drives Aliyun's Node SDK.
'use strict';

const { default: Client, SendSmsRequest, SendBatchSmsRequest, QuerySendDetailsRequest } = require('@alicloud/dysmsapi20170525');
const { $OpenApiUtil } = require('@alicloud/openapi-core');
const { RuntimeOptions, ExtendsParameters } = require('@darabonba/typescript');
const answer = require('./lines');

async function call(c) {
  const { endpoint, id, secret, template } = c;
  const config = new $OpenApiUtil.Config({
    accessKeyId: id,
    accessKeySecret: secret,
    endpoint, // host:port
    protocol: 'http', // only where there is no TLS
  });
  if (c.algorithm) {
    config.signatureAlgorithm = c.algorithm;
  }
  const client = new Client(config);
  if (c.do === 'send') {
    const request = new SendSmsRequest({
      phoneNumbers: c.to,
      signName: c.sign,
      templateCode: template,
      templateParam: c.params,
      outId: c.outid,
    });
    const runtime = new RuntimeOptions({ extendsParameters: new ExtendsParameters({ headers: c.headers }) });
    const { body } = await client.sendSmsWithOptions(request, runtime);
    return { code: body.code, message: body.message, biz: body.bizId };
  }
  if (c.do === 'batch') {
    const { body } = await client.sendBatchSms(new SendBatchSmsRequest({
      phoneNumberJson: c.to,
      signNameJson: c.sign,
      templateCode: template,
      templateParamJson: c.params,
    }));
    return { code: body.code, message: body.message, biz: body.bizId };
  }
  const { body } = await client.querySendDetails(new QuerySendDetailsRequest({
    phoneNumber: c.to,
    bizId: c.biz,
    sendDate: c.day,
    pageSize: 10,
    currentPage: 1,
  }));
  const list = body.smsSendDetailDTOs.smsSendDetailDTO;
  const last = list[list.length - 1] || {};
  return { code: body.code, message: body.message, total: list.length, status: last.sendStatus, err_code: last.errCode, out_id: last.outId, content: last.content };
}

answer((c) => call(c).catch((e) => ({ thrown: e.code || String(e), message: e.message })));
