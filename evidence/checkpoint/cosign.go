package checkpoint

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// algCosignature is the type byte of C2SP cosignature/v1 keys.
const algCosignature = 0x04

// stampBytes is the timestamp in front of a cosignature.
const stampBytes = 8

// WitnessKey is the verifier key of a witness as it is passed around:
// name+hash+base64, with the algorithm of C2SP cosignature/v1.
func WitnessKey(name string, public ed25519.PublicKey) string {
	data := append([]byte{algCosignature}, public...)
	return fmt.Sprintf("%s+%08x+%s", name, keyHash(name, data), base64.StdEncoding.EncodeToString(data))
}

func keyHash(name string, data []byte) uint32 {
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write(data)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// message is what a cosignature signs. C2SP tlog-cosignature.
func message(stamp uint64, text string) []byte {
	return []byte("cosignature/v1\ntime " + strconv.FormatUint(stamp, 10) + "\n" + text)
}

// witness verifies cosignatures; it is a note.Verifier.
type witness struct {
	name   string
	hash   uint32
	public ed25519.PublicKey
}

func (w *witness) Name() string    { return w.name }
func (w *witness) KeyHash() uint32 { return w.hash }
func (w *witness) Verify(msg, sig []byte) bool {
	return len(sig) == stampBytes+ed25519.SignatureSize &&
		ed25519.Verify(w.public, message(binary.BigEndian.Uint64(sig), string(msg)), sig[stampBytes:])
}

// NewWitnessVerifier reads a witness's verifier key.
func NewWitnessVerifier(vkey string) (note.Verifier, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	hash16, key64, _ := strings.Cut(rest, "+")
	hash, err1 := hex.DecodeString(hash16)
	data, err2 := base64.StdEncoding.DecodeString(key64)
	if err1 != nil || err2 != nil || len(hash) != 4 || len(data) != 1+ed25519.PublicKeySize || data[0] != algCosignature || name == "" ||
		binary.BigEndian.Uint32(hash) != keyHash(name, data) {
		return nil, errors.New("checkpoint: it is no verifier key of a witness (C2SP cosignature/v1)")
	}
	return &witness{name, binary.BigEndian.Uint32(hash), data[1:]}, nil
}

// Cosigner signs checkpoints as a witness; it is a note.Signer.
type Cosigner struct {
	witness
	private ed25519.PrivateKey
	now     func() time.Time
}

// NewCosigner makes a witness's signer of a 32-byte seed.
func NewCosigner(name string, seed []byte, now func() time.Time) (*Cosigner, error) {
	if len(seed) != ed25519.SeedSize || name == "" || strings.ContainsAny(name, "+ \n") {
		return nil, fmt.Errorf("checkpoint: a witness has a name without spaces and +, and a seed of %d bytes", ed25519.SeedSize)
	}
	private := ed25519.NewKeyFromSeed(seed)
	public := private.Public().(ed25519.PublicKey)
	return &Cosigner{witness{name, keyHash(name, append([]byte{algCosignature}, public...)), public}, private, now}, nil
}

// Key is the verifier key.
func (c *Cosigner) Key() string { return WitnessKey(c.name, c.public) }

// Sign implements note.Signer.
func (c *Cosigner) Sign(msg []byte) ([]byte, error) {
	stamp := uint64(c.now().Unix())
	out := binary.BigEndian.AppendUint64(nil, stamp)
	return append(out, ed25519.Sign(c.private, message(stamp, string(msg)))...), nil
}

// Cosign returns the signature line that a witness adds to a signed checkpoint.
func (c *Cosigner) Cosign(signed string) (line string, err error) {
	text, _, ok := strings.Cut(signed, "\n\n")
	if !ok {
		return "", fmt.Errorf("%w: it is not signed", ErrMalformed)
	}
	sig, err := c.Sign([]byte(text + "\n"))
	if err != nil {
		return "", err
	}
	data := append(binary.BigEndian.AppendUint32(nil, c.hash), sig...)
	return "— " + c.name + " " + base64.StdEncoding.EncodeToString(data) + "\n", nil
}

// CosignedAt checks a witness's cosignature under a signed checkpoint and returns
// its time.
func CosignedAt(signed string, w note.Verifier) (time.Time, error) {
	n, err := note.Open([]byte(signed), note.VerifierList(w))
	if err != nil {
		return time.Time{}, fmt.Errorf("checkpoint: %w", err)
	}
	data, err := base64.StdEncoding.DecodeString(n.Sigs[0].Base64)
	if err != nil || len(data) < 4+stampBytes {
		return time.Time{}, fmt.Errorf("%w: the cosignature", ErrMalformed)
	}
	return time.Unix(int64(binary.BigEndian.Uint64(data[4:])), 0), nil
}
