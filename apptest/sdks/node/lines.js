// Reads calls in lines of JSON and tells in lines of JSON what came of each.
'use strict';

const readline = require('node:readline');

module.exports = async function answer(run) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await run(JSON.parse(line))));
  }
};
