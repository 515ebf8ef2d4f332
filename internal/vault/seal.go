package vault

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"sync"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// PhoneID is the only form of a number that is used as a key.
type PhoneID = [16]byte

// macs are reusable HMAC states of one key: the key schedule costs as
// much as the sum.
type macs struct{ pool sync.Pool }

func newMACs(suite Suite, key []byte, label string) *macs {
	k := append(append([]byte(nil), key...), label...)
	return &macs{sync.Pool{New: func() any { return hmac.New(suite.hash, k) }}}
}

func (m *macs) sum(parts ...[]byte) (out [32]byte) {
	h := m.pool.Get().(hash.Hash)
	h.Reset()
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(out[:0])
	m.pool.Put(h)
	return out
}

// PhoneID is the keyed id of a number: HMAC under the oldest index key, then
// once more under each newer one, so that reindexing needs no number.
func (k *Keys) PhoneID(n sms.MSISDN) (id PhoneID) {
	last := len(k.index) - 1
	sum := k.index[last].sum([]byte(n.Reveal()))
	for i := last - 1; i >= 0; i-- {
		sum = k.index[i].sum(sum[:16])
	}
	copy(id[:], sum[:])
	return id
}

// Reindexed is what an id becomes under the newest index key. It needs no number, so
// that the refusals of erased people move along.
func (k *Keys) Reindexed(old PhoneID) (id PhoneID) {
	sum := k.index[0].sum(old[:])
	copy(id[:], sum[:])
	return id
}

// SealFormer keeps an id that evidence names and that is no longer used.
func (k *Keys) SealFormer(old PhoneID) []byte { return k.Seal(purposeFormer, old[:]) }

// OpenFormer opens what SealFormer made; of nothing it gives the id of now.
func (k *Keys) OpenFormer(sealed []byte, now PhoneID) (PhoneID, error) {
	if len(sealed) == 0 {
		return now, nil
	}
	plain, err := k.Open(purposeFormer, sealed)
	if err != nil || len(plain) != len(now) {
		return now, fmt.Errorf("a person's former id: %w", ErrSealed)
	}
	return PhoneID(plain), nil
}

// ContentHash is the keyed hash by which equal texts are counted.
func (k *Keys) ContentHash(text string) (h [16]byte) {
	sum := k.content.sum([]byte(text))
	copy(h[:], sum[:])
	return h
}

// PayloadHash is the keyed hash by which a repeated call is recognised.
func (k *Keys) PayloadHash(b []byte) [32]byte { return k.payload.sum(b) }

// IdentityHash is the keyed hash by which a person's identity document is recognised.
func (k *Keys) IdentityHash(number string) (h [16]byte) {
	sum := k.content.sum([]byte("identity\x00"), []byte(number))
	copy(h[:], sum[:])
	return h
}

// VisitorHash is the keyed hash by which who follows a short link is counted once.
func (k *Keys) VisitorHash(visitor string) uint64 {
	sum := k.content.sum([]byte("visitor\x00"), []byte(visitor))
	return binary.BigEndian.Uint64(sum[:])
}

type sealer struct {
	id   uint32
	aead cipher.AEAD
}

func newSealer(suite Suite, id uint32, key []byte) (*sealer, error) {
	if len(key) != keyBytes {
		return nil, fmt.Errorf("a key has %d bytes", keyBytes)
	}
	aead, err := suite.aead(key)
	return &sealer{id, aead}, err
}

const nonceBytes = 12

// Seal encrypts under the newest ring key. The purpose is bound to the result:
// a sealed number does not open as a text.
func (k *Keys) Seal(purpose string, plain []byte) []byte {
	s := k.current
	out := make([]byte, 4+nonceBytes, 4+nonceBytes+len(plain)+16)
	binary.BigEndian.PutUint32(out, s.id)
	_, _ = rand.Read(out[4:]) // it never fails: the program ends instead
	return s.aead.Seal(out, out[4:4+nonceBytes], plain, []byte(purpose))
}

// ErrSealed tells that something does not open: damaged, of another purpose, or
// under a key that this file lacks.
var ErrSealed = errors.New("sealed data does not open")

// Open decrypts what Seal made for the same purpose.
func (k *Keys) Open(purpose string, sealed []byte) ([]byte, error) {
	if len(sealed) < 4+nonceBytes+16 {
		return nil, ErrSealed
	}
	s := k.seals[binary.BigEndian.Uint32(sealed)]
	if s == nil {
		return nil, fmt.Errorf("%w: ring key %d is not in the key file", ErrSealed, binary.BigEndian.Uint32(sealed))
	}
	plain, err := s.aead.Open(nil, sealed[4:4+nonceBytes], sealed[4+nonceBytes:], []byte(purpose))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// Purposes of sealed data.
const (
	PurposeNumber = "number" // person.number: the E.164 digits
	purposeSecret = "secret" // person_secret.secret
	purposeFormer = "former" // consent.former, suppression.former
	PurposeLogin  = "login"  // protocol secrets
	PurposeAnswer = "answer" // stored answers of idempotent calls
	PurposeMO     = "mo"     // texts from recipients
	PurposeList   = "list"   // lines of lists before they are consents
	PurposeRows   = "rows"   // rows of campaigns before they are decided
	PurposePart   = "part"   // parts of long messages before their decision
	PurposePerson = "person" // names, addresses and telephones of parties' people
	PurposeFile   = "file"   // case files, and copies for the persons that they are of
)

// PurposeDocument is that of one piece of a scan: no piece stands in another's place.
func PurposeDocument(id sms.ID, no int) string { return fmt.Sprintf("document %d %d", id, no) }

const apiKeyPrefix = "zx_"

// NewAPIKey makes a bearer key of 256 random bits, shown once, and the hash that
// is stored of it.
func NewAPIKey() (shown string, h [32]byte) {
	shown = apiKeyPrefix + base64.RawURLEncoding.EncodeToString(newKey())
	return shown, sha256.Sum256([]byte(shown))
}

// HashAPIKey is the stored form of a key that a caller showed. A look-up by hash
// takes no time that depends on how much of the key was right.
func HashAPIKey(shown string) ([32]byte, error) {
	if len(shown) != len(apiKeyPrefix)+43 || shown[:len(apiKeyPrefix)] != apiKeyPrefix {
		return [32]byte{}, sms.Errorf(sms.Unauthenticated, "Authorization", "a key begins with %s and has 46 characters", apiKeyPrefix)
	}
	return sha256.Sum256([]byte(shown)), nil
}

// NewAccessKey makes the id and the secret of a key that signs. The id is what the SDKs of all
// clouds take: AC and 32 hexadecimal digits; the secret has 32.
func NewAccessKey() (id, secret string) {
	return "AC" + hex.EncodeToString(newKey()[:16]), hex.EncodeToString(newKey()[:16])
}

// HashAccessID is what a key that signs is found by. No bearer key has this hash, because all
// begin otherwise.
func HashAccessID(id string) [32]byte { return sha256.Sum256([]byte("access key " + id)) }

// NewPassword makes a short secret for protocol logins: 16 hexadecimal digits.
func NewPassword() string { return hex.EncodeToString(newKey()[:8]) }

func encodeSeed(seed []byte) string {
	const ed25519Algorithm = 1 // of golang.org/x/mod/sumdb/note
	return base64.StdEncoding.EncodeToString(append([]byte{ed25519Algorithm}, seed...))
}
