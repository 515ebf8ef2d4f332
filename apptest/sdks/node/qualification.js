// Drives the actions of Aliyun's Node SDK that are called by their names: what is asked for and
// what comes has the wire's names.
'use strict';

const sdk = require('@alicloud/dysmsapi20170525');
const { $OpenApiUtil } = require('@alicloud/openapi-core');
const answer = require('./lines');

const lower = (name) => name[0].toLowerCase() + name.slice(1);
const lowered = (set) => Object.fromEntries(Object.entries(set).map(([name, v]) => [lower(name), v]));

async function upload(client, c) {
  const { body } = await client.getQualificationOssInfo(new sdk.GetQualificationOssInfoRequest({ bizType: 'dysms' }));
  const { accessKeyId, host, policy, signature, startPath } = body.data;
  const key = startPath + '/' + c.name;
  const form = new FormData();
  for (const [name, v] of Object.entries({ key, policy, OSSAccessKeyId: accessKeyId, success_action_status: '200', signature })) {
    form.append(name, v);
  }
  form.append('file', new Blob([Buffer.from(c.content, 'base64')]), c.name);
  const response = await fetch(host, { method: 'POST', body: form });
  if (response.status !== 200) {
    throw new Error('the form was answered with ' + response.status);
  }
  return { content: key };
}

async function call(c) {
  const client = new sdk.default(new $OpenApiUtil.Config({ accessKeyId: c.id, accessKeySecret: c.secret, endpoint: c.endpoint, protocol: 'http' }));
  if (c.do === 'upload') {
    return upload(client, c);
  }
  const set = lowered(c.set);
  if (set.businessLicensePics) {
    set.businessLicensePics = set.businessLicensePics.map((x) => new sdk[c.do + 'RequestBusinessLicensePics'](lowered(x)));
  }
  const { body } = await client[lower(c.do)](new sdk[c.do + 'Request'](set));
  return { said: body.toMap() };
}

answer((c) => call(c).catch((e) => ({ thrown: e.code || String(e), message: e.message })));
