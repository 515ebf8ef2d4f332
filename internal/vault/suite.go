package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
	"golang.org/x/mod/sumdb/note"
)

// Suite is a set of algorithms. It is chosen when a key file is made and never changes.
type Suite string

// The suites. In both the evidence log's tree is of SHA-256 and its heads are signed
// with Ed25519, so that existing witnesses and tools can follow it.
const (
	International Suite = "international" // AES-256-GCM, HMAC-SHA256
	GM            Suite = "gm"            // 国密: SM4-GCM, HMAC-SM3, and an SM2 signature beside the other
)

// ParseSuite accepts exactly the two names.
func ParseSuite(s string) (Suite, error) {
	switch x := Suite(s); x {
	case International, GM:
		return x, nil
	}
	return "", fmt.Errorf("suite %q is neither international nor gm", s)
}

// hash is what ids, salts and derived keys are made with.
func (s Suite) hash() hash.Hash {
	if s == GM {
		return sm3.New()
	}
	return sha256.New()
}

// aead is the cipher under a key of 32 bytes. SM4 takes half of it: GB/T 32907.
func (s Suite) aead(key []byte) (cipher.AEAD, error) {
	var block cipher.Block
	var err error
	if s == GM {
		block, err = sm4.NewCipher(key[:sm4.BlockSize])
	} else {
		block, err = aes.NewCipher(key)
	}
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// sm2Algorithm begins the key of a note signature that no registry knows: 0xff, then
// the algorithm's own name. C2SP signed-note.
const sm2Algorithm = "\xffsm2"

// sm2Signer signs notes with SM2 over SM3, with the default id of GB/T 32918.
type sm2Signer struct {
	name string
	key  *sm2.PrivateKey
	hash uint32
}

func (s *sm2Signer) Name() string    { return s.name }
func (s *sm2Signer) KeyHash() uint32 { return s.hash }

func (s *sm2Signer) Sign(msg []byte) ([]byte, error) {
	return s.key.SignWithSM2(rand.Reader, nil, msg)
}

// sm2Hash is the hash of a note's key: the first four bytes of SHA-256 over its name, a
// line's end and the key.
func sm2Hash(name string, key []byte) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"), key...))
	return binary.BigEndian.Uint32(sum[:4])
}

// SM2Signer is the second signer of the evidence log under an origin, and the verifier
// key that SM2Verifier reads; nil in the international suite.
func (k *Keys) SM2Signer(origin string) (note.Signer, string, error) {
	if k.suite != GM {
		return nil, "", nil
	}
	key, err := sm2.NewPrivateKey(k.file.SM2)
	if err != nil {
		return nil, "", fmt.Errorf("SM2 key of the evidence log: %w", err)
	}
	point := make([]byte, 65)
	point[0] = 4 // uncompressed
	key.X.FillBytes(point[1:33])
	key.Y.FillBytes(point[33:])
	public := append([]byte(sm2Algorithm), point...)
	h := sm2Hash(origin, public)
	return &sm2Signer{origin, key, h}, fmt.Sprintf("%s+%08x+%s", origin, h, base64.StdEncoding.EncodeToString(public)), nil
}

type sm2Verifier struct {
	name  string
	hash  uint32
	check func(msg, sig []byte) bool
}

func (v *sm2Verifier) Name() string                { return v.name }
func (v *sm2Verifier) KeyHash() uint32             { return v.hash }
func (v *sm2Verifier) Verify(msg, sig []byte) bool { return v.check(msg, sig) }

// SM2Verifier reads a verifier key that SM2Signer made.
func SM2Verifier(vkey string) (note.Verifier, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	id, encoded, _ := strings.Cut(rest, "+")
	h, err := strconv.ParseUint(id, 16, 32)
	if err != nil || name == "" {
		return nil, errors.New("an SM2 verifier key is name+hash+key")
	}
	public, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !strings.HasPrefix(string(public), sm2Algorithm) || sm2Hash(name, public) != uint32(h) {
		return nil, errors.New("the SM2 verifier key is damaged, or of another algorithm")
	}
	point, err := sm2.NewPublicKey(public[len(sm2Algorithm):])
	if err != nil {
		return nil, fmt.Errorf("SM2 verifier key: %w", err)
	}
	return &sm2Verifier{name, uint32(h), func(msg, sig []byte) bool { return sm2.VerifyASN1WithSM2(point, nil, msg, sig) }}, nil
}

// newSM2 makes a private key.
func newSM2() []byte {
	for {
		if b := newKey(); validSM2(b) {
			return b
		}
	}
}

func validSM2(b []byte) bool {
	_, err := sm2.NewPrivateKey(b)
	return err == nil
}
