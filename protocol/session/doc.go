// Package session runs carrier connections: login, window, pacing, heartbeat,
// answer timeout, over-speed back-off, drain. One engine serves every protocol
// and both roles; what a protocol looks like on the wire is a binding (cmpp.go).
//
// Invariants:
//
//   - Nothing is sent twice. A request is written at most once and its outcome
//     is reported exactly once: answered, certainly not written, or in doubt.
//     CMPP 3.0 §7.1 has it repeated after a minute, which may deliver it twice;
//     heartbeats alone are repeated.
//   - "Not written" is claimed only when no byte of the request was taken by the
//     connection; one byte is enough for "in doubt".
//   - At most the window's number of requests is open at any moment. An
//     incoming message takes a slot as well and keeps it until it is answered;
//     with all slots taken the socket is not read, so that TCP pushes back.
//   - A message of the peer is acknowledged only when the owner says so.
//   - Callbacks run without any lock held. They come from the connection's own
//     goroutines, so a callback that blocks holds up that connection.
//   - Every length, count and delay that the peer controls has a bound, and a
//     peer that breaks framing, floods or goes silent loses the connection.
//
// A connection has three goroutines: the reader, which owns the others and ends
// last; the writer, which gathers everything queued into one write; and the
// timekeeper.
package session
