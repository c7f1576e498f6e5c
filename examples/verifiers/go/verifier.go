package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Verifies tokens of Postern with its public keys alone. Every check of docs/verifying.md is here; keep them all.

const (
	access    = "at+jwt"
	assertion = "postern-assertion+jwt"

	// By which the clock of the gateway may be ahead. exp has no leeway.
	leeway = 60
	// No token of the gateway claims to live longer. In seconds, as the one above.
	longestLife = 86_400
)

var (
	algorithms = []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.EdDSA, jose.PS256, jose.RS256}
	compact    = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

	// errRefused: the token is not good for this service.
	errRefused = errors.New("refused")
	// errUnavailable: the key set has not been seen for an hour, so neither yes nor no is known.
	errUnavailable = errors.New("unavailable")
)

// Verifier takes tokens of one kind, one issuer and one audience.
type Verifier struct {
	// Issuer is publicUrl of the gateway.
	Issuer string
	// Audience is api.audience for access tokens, the route's audience for assertions.
	Audience string
	// Typ is the kind of token.
	Typ  string
	Keys *KeySet
}

// Verify returns the claims of a good token, and errRefused or errUnavailable for any other.
func (v *Verifier) Verify(token string) (map[string]any, error) {
	if len(token) > 8192 || !compact.MatchString(token) {
		return nil, refused("not a compact token")
	}
	kid, alg, err := v.header(token)
	if err != nil {
		return nil, err
	}
	key, err := v.Keys.Find(kid)
	if err != nil {
		return nil, err
	}
	// The algorithm is the key's. The token may only agree.
	if key == nil || key.Algorithm != alg {
		return nil, refused("unknown key, or another algorithm")
	}
	signed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return nil, refused("not a signed token")
	}
	payload, err := signed.Verify(key.Key)
	if err != nil {
		return nil, refused("bad signature")
	}
	return v.claims(payload)
}

// The gateway writes these three members and no other: no crit, no jwk, no jku.
func (v *Verifier) header(token string) (kid, alg string, err error) {
	segment, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		return "", "", refused("no header")
	}
	var header map[string]string
	if json.Unmarshal(text, &header) != nil || len(header) != 3 {
		return "", "", refused("further header members")
	}
	if header["typ"] != v.Typ {
		return "", "", refused("another kind of token")
	}
	return header["kid"], header["alg"], nil
}

func (v *Verifier) claims(payload []byte) (map[string]any, error) {
	decoder := json.NewDecoder(strings.NewReader(string(payload)))
	decoder.UseNumber()
	var claims map[string]any
	if decoder.Decode(&claims) != nil || decoder.More() {
		return nil, refused("no claims")
	}
	if number(claims, "v") != 1 {
		return nil, refused("another format")
	}
	for _, name := range []string{"iss", "sub", "aud", "client_id", "jti", "sid", "upn"} {
		if text, _ := claims[name].(string); text == "" {
			return nil, refused(name + " is not a text")
		}
	}
	if claims["iss"] != v.Issuer || claims["aud"] != v.Audience {
		return nil, refused("another issuer or audience")
	}
	for _, name := range []string{"iat", "nbf", "exp", "auth_time"} {
		if number(claims, name) < 0 {
			return nil, refused(name + " is not a time")
		}
	}
	now, iat, exp := time.Now().Unix(), number(claims, "iat"), number(claims, "exp")
	if exp <= now {
		return nil, refused("expired")
	}
	if iat > now+leeway || number(claims, "nbf") > now+leeway {
		return nil, refused("not yet valid")
	}
	if exp <= iat || exp-iat > longestLife {
		return nil, refused("lives too long")
	}
	// Bound to a key (RFC 7800) whose proof this service does not ask for.
	if _, bound := claims["cnf"]; bound {
		return nil, refused("bound to a key")
	}
	return claims, nil
}

// A whole number that is not negative, or -1.
func number(claims map[string]any, name string) int64 {
	written, ok := claims[name].(json.Number)
	if !ok {
		return -1
	}
	whole, err := written.Int64()
	if err != nil {
		return -1
	}
	return whole
}

func refused(why string) error {
	return fmt.Errorf("%w: %s", errRefused, why)
}
