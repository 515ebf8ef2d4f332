// Package store keeps everything durable in one database (P9): an embedded
// SQLite file or a shared PostgreSQL. It is the only package that imports SQL
// drivers, and the adapters here satisfy the small interfaces that the other
// packages declare.
//
// On SQLite there is one writer connection behind a queue of turns with bounded
// priority. On PostgreSQL transactions run concurrently under READ COMMITTED
// with explicit locks in one order: idempotency rows, message rows, recipients,
// accounts, the journal counter.
package store
