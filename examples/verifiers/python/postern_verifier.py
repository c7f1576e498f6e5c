"""Verifies tokens of Postern with its public keys alone.

Every check of docs/verifying.md is here; keep them all. Needs PyJWT with cryptography, and Python 3.10 or later.
"""

import json
import re
import threading
import time
import urllib.request

import jwt

ACCESS = "at+jwt"
ASSERTION = "postern-assertion+jwt"

ALGORITHMS = {"ES256", "ES384", "EdDSA", "PS256", "RS256"}
COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
TEXTS = ("iss", "sub", "aud", "client_id", "jti", "sid", "upn")
TIMES = ("iat", "nbf", "exp", "auth_time")

# Seconds by which the clock of the gateway may be ahead. `exp` has no leeway.
LEEWAY = 60
# Seconds. No token of the gateway claims to live longer.
LONGEST_LIFE = 86_400
# Seconds. The gateway lets its key set be kept for 5 minutes; it may be away for an hour.
RENEW_KEYS_AFTER = 300
KEEP_KEYS_FOR = 3_600
# Seconds between two questions while no key has been seen: the gateway may start after this service.
FIRST_PAUSE = 1


class Refused(Exception):
    """The token is not good for this service."""


class Unavailable(Exception):
    """The key set has not been seen for an hour, so neither yes nor no is known."""


class Verifier:
    """Takes tokens of one kind, one issuer and one audience; one per process, shared by its threads.

    issuer: `publicUrl` of the gateway. audience: `api.audience` for access tokens, the route's `audience` for assertions.
    jwks: where the key set is, over https or on this machine. pause: seconds between two questions for it.
    """

    def __init__(self, issuer, audience, typ=ACCESS, jwks=None, pause=30):
        self.issuer, self.audience, self.typ = issuer, audience, typ
        self.keys = KeySet(jwks or f"{issuer}/.well-known/jwks.json", pause)

    def verify(self, token):
        """The claims of a good token. Raises Refused for any other, Unavailable where nobody can tell."""
        if len(token) > 8192 or not COMPACT.fullmatch(token):
            raise Refused("not a compact token")
        try:
            key = self._key(jwt.get_unverified_header(token))
            claims = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                issuer=self.issuer,
                audience=self.audience,
                leeway=LEEWAY,
                options={"require": [*TEXTS, *TIMES], "strict_aud": True},
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise Refused(type(error).__name__) from error
        _check_claims(claims)
        return claims

    def _key(self, header):
        # The gateway writes these three members and no other: no `crit`, no `jwk`, no `jku`.
        if set(header) != {"alg", "kid", "typ"}:
            raise Refused("further header members")
        if header["typ"] != self.typ:
            raise Refused("another kind of token")
        key = self.keys.find(header["kid"])
        if key is None:
            raise Refused("unknown key")
        # The algorithm is the key's. The token may only agree.
        if key.algorithm_name not in ALGORITHMS or header["alg"] != key.algorithm_name:
            raise Refused("another algorithm")
        return key


def _check_claims(claims):
    now = int(time.time())
    if type(claims.get("v")) is not int or claims["v"] != 1:
        raise Refused("another format")
    for name in TEXTS:
        if not isinstance(claims[name], str) or claims[name] == "":
            raise Refused(f"{name} is not a text")
    for name in TIMES:
        # A boolean is an int in Python.
        if type(claims[name]) is not int:
            raise Refused(f"{name} is not a time")
    # The library grants its leeway to `exp` as well.
    if claims["exp"] <= now:
        raise Refused("expired")
    if claims["iat"] > now + LEEWAY or claims["nbf"] > now + LEEWAY:
        raise Refused("not yet valid")
    if not 0 < claims["exp"] - claims["iat"] <= LONGEST_LIFE:
        raise Refused("lives too long")
    # Bound to a key (RFC 7800) whose proof this service does not ask for.
    if "cnf" in claims:
        raise Refused("bound to a key")


class KeySet:
    """The gateway's public keys: asked for again every 5 minutes and for an unknown key, but never without a pause.

    One thread asks, for at most 5 seconds; the others go on with the keys that are there.
    """

    def __init__(self, address, pause):
        self.address, self.pause = address, pause
        self.keys = {}
        self.seen_at = self.asked_at = float("-inf")
        self.asking = threading.Lock()
        self._renew()

    def find(self, kid):
        if kid not in self.keys or time.monotonic() - self.seen_at > RENEW_KEYS_AFTER:
            self._renew()
        if time.monotonic() - self.seen_at > KEEP_KEYS_FOR:
            raise Unavailable("no key set")
        return self.keys.get(kid)

    def _renew(self):
        if not self.asking.acquire(blocking=not self.keys):
            return
        try:
            pause = self.pause if self.keys else min(self.pause, FIRST_PAUSE)
            if time.monotonic() - self.asked_at < pause:
                return
            self.asked_at = time.monotonic()
            with _opener.open(self.address, timeout=5) as answer:
                found = jwt.PyJWKSet.from_dict(json.loads(answer.read(1_000_000)))
            self.keys = {key.key_id: key for key in found.keys if key.key_id}
            self.seen_at = time.monotonic()
        except (OSError, ValueError, AttributeError, jwt.PyJWTError):
            # Away, or not a key set: what is there stays, for as long as KEEP_KEYS_FOR.
            pass
        finally:
            self.asking.release()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


_opener = urllib.request.build_opener(_NoRedirect)


def bearer(authorization):
    """The token of the `Authorization` lines of a request: None where there is no line."""
    if not authorization:
        return None
    found = re.fullmatch(r"bearer +(\S+)", authorization[0], re.IGNORECASE) if len(authorization) == 1 else None
    if found is None:
        raise Refused("not one Bearer token")
    return found[1]
