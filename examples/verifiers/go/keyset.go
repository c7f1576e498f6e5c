package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The gateway lets its key set be kept for 5 minutes; it may be away for an hour.
const (
	renewKeysAfter = 5 * time.Minute
	keepKeysFor    = time.Hour
	// Between two questions while no key has been seen: the gateway may start after this service.
	firstPause = time.Second
)

// KeySet holds the gateway's public keys. It asks for them again every 5 minutes and for an unknown key, but never
// without a pause. One request asks, for at most 5 seconds; the others go on with the keys that are there.
type KeySet struct {
	// Where it is: over https, or on this machine.
	address string
	pause   time.Duration
	client  *http.Client

	asking  sync.Mutex
	askedAt time.Time

	mutex  sync.RWMutex
	keys   map[string]jose.JSONWebKey
	seenAt time.Time
}

// NewKeySet asks for the keys once; a gateway that is away then is asked again later.
func NewKeySet(address string, pause time.Duration) *KeySet {
	client := &http.Client{
		Timeout:       5 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	set := &KeySet{address: address, pause: pause, client: client}
	set.renew(true)
	return set
}

// Find returns nil for an unknown key, and errUnavailable where no key set is known.
func (s *KeySet) Find(kid string) (*jose.JSONWebKey, error) {
	key, age, none := s.look(kid)
	if key == nil || age > renewKeysAfter {
		s.renew(none)
		key, age, _ = s.look(kid)
	}
	if age > keepKeysFor {
		return nil, errUnavailable
	}
	return key, nil
}

func (s *KeySet) look(kid string) (key *jose.JSONWebKey, age time.Duration, none bool) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	if found, ok := s.keys[kid]; ok {
		key = &found
	}
	return key, time.Since(s.seenAt), len(s.keys) == 0
}

// Waits for another that asks only where there is nothing to go on with.
func (s *KeySet) renew(none bool) {
	if none {
		s.asking.Lock()
	} else if !s.asking.TryLock() {
		return
	}
	defer s.asking.Unlock()
	pause := s.pause
	if none {
		pause = min(pause, firstPause)
	}
	if time.Since(s.askedAt) < pause {
		return
	}
	s.askedAt = time.Now()
	keys, err := s.ask()
	if err != nil {
		// Away, or not a key set: what is there stays, for as long as keepKeysFor.
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.keys, s.seenAt = keys, time.Now()
}

func (s *KeySet) ask() (map[string]jose.JSONWebKey, error) {
	answer, err := s.client.Get(s.address)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, errors.New(answer.Status)
	}
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1_000_000)).Decode(&set); err != nil {
		return nil, err
	}
	keys := map[string]jose.JSONWebKey{}
	for _, key := range set.Keys {
		if key.KeyID != "" && key.Valid() && key.IsPublic() {
			keys[key.KeyID] = key
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("no key")
	}
	return keys, nil
}
