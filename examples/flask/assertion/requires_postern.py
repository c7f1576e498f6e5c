"""A decorator for views: in comes who Postern says is signed in, and nobody else.

Needs postern_verifier.py of examples/verifiers/python beside it, or on PYTHONPATH.
"""

from functools import wraps

from flask import g, make_response, request

from postern_verifier import ASSERTION, Refused, Unavailable, Verifier, bearer


class RequiresPostern:
    """Takes the assertions of one gateway for one audience, and leaves their claims in `g.claims`.

    issuer: `publicUrl` of the gateway. audience: that of the route. jwks: the key set, where the app reaches it at
    another address than below the issuer.
    """

    def __init__(self, issuer, audience, jwks=None):
        self.verifier = Verifier(issuer, audience, ASSERTION, jwks)

    def __call__(self, view):
        @wraps(view)
        def guarded(*args, **kwargs):
            try:
                token = bearer(request.headers.getlist("Authorization"))
                if token is None:
                    return _problem(401, "Unauthorized", ("WWW-Authenticate", "Bearer"))
                g.claims = self.verifier.verify(token)
            except Refused:
                return _problem(401, "Unauthorized", ("WWW-Authenticate", 'Bearer error="invalid_token"'))
            except Unavailable:
                return _problem(503, "Service Unavailable", ("Retry-After", "30"))
            return view(*args, **kwargs)

        return guarded


def _problem(status, title, header):
    response = make_response({"type": "about:blank", "title": title, "status": status}, status, [header])
    response.content_type = "application/problem+json"
    return response
