// Drives Aliyun's old Node core, which throws whatever is not OK.
'use strict';

const Core = require('@alicloud/pop-core');
const answer = require('./lines');

async function call(c) {
  const { endpoint, id, secret, template } = c;
  const client = new Core({
    accessKeyId: id,
    accessKeySecret: secret,
    endpoint: 'http://' + endpoint,
    apiVersion: '2017-05-25',
  });
  const more = { method: c.method };
  const late = c.headers ? { Timestamp: c.headers['x-acs-date'] } : {};
  if (c.do === 'send') {
    const body = await client.request('SendSms', {
      PhoneNumbers: c.to,
      SignName: c.sign,
      TemplateCode: template,
      TemplateParam: c.params,
      OutId: c.outid,
      ...late,
    }, more);
    return { code: body.Code, message: body.Message, biz: body.BizId };
  }
  if (c.do === 'batch') {
    const body = await client.request('SendBatchSms', {
      PhoneNumberJson: c.to,
      SignNameJson: c.sign,
      TemplateCode: template,
      TemplateParamJson: c.params,
    }, more);
    return { code: body.Code, message: body.Message, biz: body.BizId };
  }
  const body = await client.request('QuerySendDetails', {
    PhoneNumber: c.to,
    BizId: c.biz,
    SendDate: c.day,
    PageSize: 10,
    CurrentPage: 1,
  }, more);
  const list = body.SmsSendDetailDTOs.SmsSendDetailDTO;
  const last = list[list.length - 1] || {};
  return { code: body.Code, message: body.Message, total: list.length, status: last.SendStatus, err_code: last.ErrCode, out_id: last.OutId, content: last.Content };
}

answer((c) => call(c).catch((e) => ({ thrown: e.code || String(e), message: e.data ? e.data.Message : e.message })));
