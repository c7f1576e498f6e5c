"""A Flask app that is told by headers who is there. It believes whoever can reach it, so only Postern may."""

from urllib.parse import unquote

from flask import Flask, request
from markupsafe import escape

app = Flask(__name__)


@app.get("/about")
def about():
    return "Anybody may read this."


@app.get("/")
def home():
    # What is not plain ASCII comes percent-encoded.
    name = unquote(request.headers["X-Forwarded-Name"])
    subject = unquote(request.headers["X-Forwarded-User"])
    return f"""<!doctype html>
<title>My page</title>
<p>Hello {escape(name)}, you are {escape(subject)}.</p>
<form method="post" action="/_auth/logout"><button>Sign out</button></form>
"""
