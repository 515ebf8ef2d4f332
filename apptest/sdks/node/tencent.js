// Drives Tencent Cloud's Node SDK.
'use strict';

const { sms } = require('tencentcloud-sdk-nodejs-sms');
const answer = require('./lines');

const clock = Date;

async function call(c) {
  const { endpoint, id, secret, template, app } = c;
  const behind = 1000 * (c.behind || 0); // the clock of this machine is wrong
  globalThis.Date = class extends clock {
    constructor(...at) {
      super(...(at.length ? at : [Date.now()]));
    }

    static now() {
      return clock.now() - behind;
    }
  };
  const client = new sms.v20210111.Client({
    credential: { secretId: id, secretKey: secret },
    region: 'ap-guangzhou',
    profile: {
      signMethod: c.algorithm || 'TC3-HMAC-SHA256',
      httpProfile: {
        endpoint, // host:port
        protocol: 'http://', // only where there is no TLS
        reqMethod: c.method || 'POST',
      },
    },
  });
  if (c.do === 'send') {
    const response = await client.SendSms({
      SmsSdkAppId: app,
      SignName: c.sign,
      TemplateId: template,
      PhoneNumberSet: c.to,
      TemplateParamSet: c.params,
      SessionContext: c.session,
    });
    return {
      numbers: response.SendStatusSet.map((s) => ({ serial: s.SerialNo, to: s.PhoneNumber, fee: s.Fee, session: s.SessionContext, code: s.Code, message: s.Message })),
    };
  }
  const response = c.do === 'reports'
    ? await client.PullSmsSendStatus({ SmsSdkAppId: app, Limit: 100 })
    : await client.PullSmsSendStatusByPhoneNumber({ SmsSdkAppId: app, PhoneNumber: c.to[0], BeginTime: c.since, Offset: 0, Limit: 10 });
  return {
    numbers: response.PullSmsSendStatusSet.map((s) => ({ serial: s.SerialNo, to: s.PhoneNumber, session: s.SessionContext, code: s.ReportStatus, message: s.Description })),
  };
}

answer((c) => call(c).catch((e) => ({ thrown: e.code || String(e), message: e.message })));
