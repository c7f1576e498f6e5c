// Who am I? A service that is told by a token of Postern, and verifies it by itself.
//
//	POSTERN_ISSUER=https://app.example.com POSTERN_AUDIENCE=https://api.example.com PORT=5003 go run .
//	curl -H "authorization: Bearer $TOKEN" http://127.0.0.1:5003/whoami
//
// POSTERN_TYP: at+jwt (default) for access tokens, postern-assertion+jwt behind a route with credentials: assertion.
// POSTERN_JWKS: the key set, where it is not below the issuer. POSTERN_JWKS_PAUSE: seconds between two questions for it, 30.
package main

import (
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"time"
)

var bearer = regexp.MustCompile(`(?i)^bearer +(\S+)$`)

func main() {
	issuer, audience := os.Getenv("POSTERN_ISSUER"), os.Getenv("POSTERN_AUDIENCE")
	if issuer == "" || audience == "" {
		log.Fatal("POSTERN_ISSUER and POSTERN_AUDIENCE are needed")
	}
	typ := setting("POSTERN_TYP", access)
	if typ != access && typ != assertion {
		log.Fatal("POSTERN_TYP is not a kind")
	}
	pause, err := strconv.Atoi(setting("POSTERN_JWKS_PAUSE", "30"))
	if err != nil {
		log.Fatal("POSTERN_JWKS_PAUSE is not a number")
	}
	keys := NewKeySet(setting("POSTERN_JWKS", issuer+"/.well-known/jwks.json"), time.Duration(pause)*time.Second)
	verifier := &Verifier{Issuer: issuer, Audience: audience, Typ: typ, Keys: keys}

	http.HandleFunc("GET /whoami", func(response http.ResponseWriter, request *http.Request) {
		whoami(verifier, response, request)
	})
	server := &http.Server{Addr: "127.0.0.1:" + setting("PORT", "5003"), ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func whoami(verifier *Verifier, response http.ResponseWriter, request *http.Request) {
	sent := request.Header.Values("Authorization")
	if len(sent) == 0 {
		response.Header().Set("WWW-Authenticate", `Bearer realm="whoami"`)
		problem(response, http.StatusUnauthorized)
		return
	}
	var claims map[string]any
	err := errRefused
	if found := bearer.FindStringSubmatch(sent[0]); len(sent) == 1 && found != nil {
		claims, err = verifier.Verify(found[1])
	}
	switch {
	case errors.Is(err, errUnavailable):
		response.Header().Set("Retry-After", "30")
		problem(response, http.StatusServiceUnavailable)
	case err != nil:
		response.Header().Set("WWW-Authenticate", `Bearer realm="whoami", error="invalid_token"`)
		problem(response, http.StatusUnauthorized)
	default:
		delete(claims, "upt")
		answer(response, http.StatusOK, "application/json", map[string]any{"sub": claims["sub"], "claims": claims})
	}
}

func problem(response http.ResponseWriter, status int) {
	body := map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status}
	answer(response, status, "application/problem+json", body)
}

func answer(response http.ResponseWriter, status int, contentType string, body any) {
	response.Header().Set("Content-Type", contentType)
	response.Header().Set("Cache-Control", "no-store")
	response.WriteHeader(status)
	_ = json.NewEncoder(response).Encode(body)
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
