// Package rawpeer is the other side of a connection, written from the specifications'
// tables alone: fixed structs that encoding/binary lays out. It shares no code with
// protocol/, so that a field misread there is not misread here in the same way.
package rawpeer

import (
	"bytes"
	"crypto/md5" //nolint:gosec // the protocols' own proof of login
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"
)

// Header begins the frames of CMPP and SMGP; Pack fills in the length.
type Header struct{ Length, Command, Sequence uint32 }

// SGIPHeader begins the frames of SGIP.
type SGIPHeader struct{ Length, Command, Node, Time, Count uint32 }

// longest is what no frame of these protocols exceeds.
const longest = 4096

// Pack makes a frame of its pieces, each laid out as it is declared.
func Pack(pieces ...any) []byte {
	var b bytes.Buffer
	for _, p := range pieces {
		if s, ok := p.(string); ok {
			p = []byte(s)
		}
		if err := binary.Write(&b, binary.BigEndian, p); err != nil {
			panic(err) // a struct that has no fixed size
		}
	}
	frame := b.Bytes()
	binary.BigEndian.PutUint32(frame, uint32(len(frame))) //nolint:gosec // a frame is short
	return frame
}

// Unpack reads pieces from the beginning of a frame and returns what is left of it.
func Unpack(frame []byte, pieces ...any) ([]byte, error) {
	r := bytes.NewReader(frame)
	for _, p := range pieces {
		if err := binary.Read(r, binary.BigEndian, p); err != nil {
			return nil, fmt.Errorf("%T: %w", p, err)
		}
	}
	return io.ReadAll(r)
}

// Conn sends and reads frames.
type Conn struct {
	net.Conn
	Patience time.Duration // for each frame
}

// ReadFrame reads one frame.
func (c Conn) ReadFrame() ([]byte, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.Patience)); err != nil {
		return nil, err
	}
	frame := make([]byte, 4, longest)
	if _, err := io.ReadFull(c, frame); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(frame)
	if n < 12 || n > longest {
		return nil, fmt.Errorf("a frame of %d bytes", n)
	}
	frame = frame[:n]
	_, err := io.ReadFull(c, frame[4:])
	return frame, err
}

// proof is the digest with which an account shows that it knows the secret.
func proof(account string, zeros int, secret, stamp string) [16]byte {
	var b bytes.Buffer
	b.WriteString(account)
	b.Write(make([]byte, zeros))
	b.WriteString(secret)
	b.WriteString(stamp)
	return md5.Sum(b.Bytes()) //nolint:gosec // the protocols' own
}

// CMPPProof is AuthenticatorSource; stamp has ten digits.
func CMPPProof(account, secret, stamp string) [16]byte { return proof(account, 9, secret, stamp) }

// SMGPProof is AuthenticatorClient.
func SMGPProof(account, secret, stamp string) [16]byte { return proof(account, 7, secret, stamp) }

// ServerProof is what a server shows; status is laid out as in its answer.
func ServerProof(status any, client [16]byte, secret string) [16]byte {
	var b bytes.Buffer
	if err := binary.Write(&b, binary.BigEndian, status); err != nil {
		panic(err)
	}
	b.Write(client[:])
	b.WriteString(secret)
	return md5.Sum(b.Bytes()) //nolint:gosec // the protocols' own
}

// T2 to T32 are the text fields, filled up with zeros. A text that is too long is cut,
// which a test that compares frames finds out.
func T2(s string) (f [2]byte)   { copy(f[:], s); return f }
func T5(s string) (f [5]byte)   { copy(f[:], s); return f }
func T6(s string) (f [6]byte)   { copy(f[:], s); return f }
func T7(s string) (f [7]byte)   { copy(f[:], s); return f }
func T10(s string) (f [10]byte) { copy(f[:], s); return f }
func T14(s string) (f [14]byte) { copy(f[:], s); return f }
func T21(s string) (f [21]byte) { copy(f[:], s); return f }
func T32(s string) (f [32]byte) { copy(f[:], s); return f }
