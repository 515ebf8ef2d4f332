// Drives Twilio's Node SDK. Its commands and answers are those of the Go program in
// apptest/interop/twilio.
'use strict';

const twilio = require('twilio');
const answer = require('./lines');

// told names what a message says as the wire does.
const told = (m) => ({
  sid: m.sid,
  status: m.status,
  body: m.body,
  to: m.to,
  direction: m.direction,
  account_sid: m.accountSid,
  messaging_service_sid: m.messagingServiceSid,
  num_segments: m.numSegments,
  date_created: m.dateCreated && m.dateCreated.toUTCString(),
  error_code: m.errorCode,
});

// params names parameters as the SDK does.
function params(set) {
  const out = {};
  for (const [name, v] of Object.entries(set)) {
    out[name[0].toLowerCase() + name.slice(1)] = v;
  }
  if (out.sendAt) {
    out.sendAt = new Date(out.sendAt);
  }
  return out;
}

async function call(c) {
  const { username, password, account } = c;
  const base = 'http://' + c.host;

  class Elsewhere extends twilio.RequestClient {
    request(opts) {
      const { pathname, search } = new URL(opts.uri);
      return super.request({ ...opts, uri: base + pathname + search });
    }
  }

  const httpClient = new Elsewhere();
  const client = twilio(username, password, { accountSid: account, httpClient });
  if (c.headers) {
    const request = httpClient.request.bind(httpClient);
    httpClient.request = (opts) => request({ ...opts, headers: { ...opts.headers, ...c.headers } });
  }
  switch (c.do) {
    case 'create':
      return { messages: [told(await client.messages.create(params(c.set)))] };
    case 'fetch':
      return { messages: [told(await client.messages(c.sid).fetch())] };
    case 'cancel':
      return { messages: [told(await client.messages(c.sid).update({ status: 'canceled' }))] };
    case 'list': {
      const list = await client.messages.list({ to: c.to, limit: c.limit, pageSize: c.page_size });
      return { messages: list.map(told) };
    }
    case 'consents':
      return { items: (await client.accounts.v1.bulkConsents.create({ items: c.items })).items };
    case 'validate':
      return { valid: twilio.validateRequest(password, c.signature, c.url, c.params) };
  }
  throw new Error('unknown command ' + c.do);
}

answer((c) => call(c).catch((e) => ({ code: e.code, status: e.status, error: e.message || String(e) })));
