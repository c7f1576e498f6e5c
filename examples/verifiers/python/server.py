"""Who am I? A service that is told by a token of Postern, and verifies it by itself.

    pip install -r requirements.txt
    POSTERN_ISSUER=https://app.example.com POSTERN_AUDIENCE=https://api.example.com PORT=5002 python server.py
    curl -H "authorization: Bearer $TOKEN" http://127.0.0.1:5002/whoami

POSTERN_TYP       at+jwt (default) for access tokens, postern-assertion+jwt behind a route with `credentials: assertion`
POSTERN_JWKS      the key set, where it is not below the issuer
POSTERN_JWKS_PAUSE  seconds between two questions for it, 30
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from postern_verifier import ACCESS, ASSERTION, Refused, Unavailable, Verifier, bearer

typ = os.environ.get("POSTERN_TYP", ACCESS)
if typ not in (ACCESS, ASSERTION):
    raise SystemExit("POSTERN_TYP is not a kind")
verifier = Verifier(
    os.environ["POSTERN_ISSUER"],
    os.environ["POSTERN_AUDIENCE"],
    typ,
    os.environ.get("POSTERN_JWKS"),
    float(os.environ.get("POSTERN_JWKS_PAUSE", "30")),
)


class Whoami(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/whoami":
            return self.problem(404, "Not Found")
        try:
            token = bearer(self.headers.get_all("Authorization"))
            if token is None:
                return self.problem(401, "Unauthorized", ("WWW-Authenticate", 'Bearer realm="whoami"'))
            claims = verifier.verify(token)
        except Refused:
            challenge = 'Bearer realm="whoami", error="invalid_token"'
            return self.problem(401, "Unauthorized", ("WWW-Authenticate", challenge))
        except Unavailable:
            return self.problem(503, "Service Unavailable", ("Retry-After", "30"))
        claims.pop("upt", None)
        self.answer(200, "application/json", {"sub": claims["sub"], "claims": claims})

    def problem(self, status, title, *headers):
        body = {"type": "about:blank", "title": title, "status": status}
        self.answer(status, "application/problem+json", body, *headers)

    def answer(self, status, content_type, body, *headers):
        self.send_response(status)
        for name, value in (("Content-Type", content_type), ("Cache-Control", "no-store"), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "5002"))), Whoami).serve_forever()
