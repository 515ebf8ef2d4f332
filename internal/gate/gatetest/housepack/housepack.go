// Package housepack is a house pack for tests of several packages.
package housepack

// Text is a pack of one rule, HSE-01, that refuses marketing, and of Word, which refuses
// further messages.
const Text = `
pack: house
version: "1"
layer: house
rules:
  - id: HSE-01
    title: {zh: 本平台暂停营销, en: no marketing here}
    status: D
    effective_from: 2020-01-01
    categories: [MKT]
    against: units.length > 0
    outcome: block
    code: RULE_REFUSED
    reason: {zh: 暂停营销, en: marketing is paused}
    remedy: {zh: 请等待通知, en: wait for word}
    examples: [{name: a, facts: {category: MKT}, stands: true}, {name: b, facts: {category: MKT, units.length: 0}, stands: false}]
opt_out: {whole: [WZ]}
`

// Word is an opt-out word of the pack.
const Word = "WZ"
