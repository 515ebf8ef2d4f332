// An SMPP peer of node-smpp, either side, for the tests in Go: commands come as lines of
// JSON on stdin, what happens goes out as lines of JSON on stdout. It ends with its stdin.
'use strict';

const readline = require('readline');
const smpp = require('smpp');

const say = (event) => process.stdout.write(JSON.stringify(event) + '\n');

let session; // the one connection
let password; // what a bind must bring, as server
const statuses = []; // what the next submits are answered with
let submits = 0;

// plain makes a PDU printable: the text as node-smpp decodes it, headers and raw bytes as hex.
function plain(pdu) {
  const out = { event: 'pdu' };
  for (const [key, value] of Object.entries(pdu)) {
    if (Buffer.isBuffer(value)) out[key] = value.toString('hex');
    else if (key !== 'short_message' && key !== 'message_payload') out[key] = value;
  }
  const content = pdu.short_message || pdu.message_payload;
  if (content && !Buffer.isBuffer(content)) {
    const { message, udh } = content;
    out.text = Buffer.isBuffer(message) ? message.toString('hex') : message;
    if (udh) out.udh = udh.map((ie) => ie.toString('hex')).join(' ');
  }
  return out;
}

function answer(pdu) {
  switch (pdu.command) {
    case 'bind_transceiver':
    case 'bind_transmitter':
    case 'bind_receiver': {
      const command_status = pdu.password === password ? 0 : smpp.errors.ESME_RINVPASWD;
      return session.send(pdu.response({ command_status, system_id: 'node' }));
    }
    case 'submit_sm': {
      const command_status = statuses.shift() || 0;
      const message_id = command_status ? '' : 'node-' + ++submits;
      return session.send(pdu.response({ command_status, message_id }));
    }
    case 'unbind':
      return session.send(pdu.response(), () => session.close());
    case 'unbind_resp':
      return session.close();
    case 'deliver_sm':
    case 'enquire_link':
      return session.send(pdu.response());
  }
}

function adopt(s) {
  session = s;
  s.on('pdu', (pdu) => {
    say(plain(pdu));
    answer(pdu);
  });
  s.on('close', () => say({ event: 'closed' }));
  s.on('error', (e) => say({ event: 'error', text: String(e) }));
}

const commands = {
  listen(c) {
    password = c.password;
    const server = smpp.createServer({}, adopt);
    server.listen(0, '127.0.0.1', () => say({ event: 'listening', port: server.address().port }));
  },
  connect(c) {
    adopt(smpp.connect({ host: '127.0.0.1', port: c.port }, () => say({ event: 'connected' })));
  },
  statuses(c) {
    statuses.push(...c.statuses);
    say({ event: 'ready' });
  },
  pdu(c) {
    const fields = c.fields || {};
    for (const key of ['short_message', 'message_payload']) {
      if (fields[key] && fields[key].udh) fields[key].udh = Buffer.from(fields[key].udh, 'hex');
    }
    session.send(new smpp.PDU(c.command, fields));
  },
};

readline
  .createInterface({ input: process.stdin })
  .on('line', (line) => {
    const c = JSON.parse(line);
    commands[c.do](c);
  })
  .on('close', () => process.exit(0));
