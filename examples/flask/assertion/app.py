"""A Flask app that verifies by itself who is there. Who reaches it past Postern is nobody."""

import os

from flask import Flask, g
from markupsafe import escape

from requires_postern import RequiresPostern

app = Flask(__name__)
requires_postern = RequiresPostern(os.environ.get("POSTERN_ISSUER", "http://localhost:8080"), "my-flask-app")


@app.get("/about")
def about():
    return "Anybody may read this."


@app.get("/")
@requires_postern
def home():
    return f"""<!doctype html>
<title>My page</title>
<p>Hello {escape(g.claims["name"])}, you are {escape(g.claims["sub"])}.</p>
<form method="post" action="/_auth/logout"><button>Sign out</button></form>
"""
