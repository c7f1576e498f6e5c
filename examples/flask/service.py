"""Stands for the separate web service that has the accounts, so that the example runs on one machine.

Its login takes a name and a password and answers a token; the other two calls take the token. Put your own service in its
place: its address and the places in its answers stand in the two postern.yaml.
"""

import secrets

from flask import Flask, abort, jsonify, request

app = Flask(__name__)
people = {
    "john": {"id": 1, "name": "John Doe", "password": "password123"},
    "zoe": {"id": 2, "name": "Zoë Ångström", "password": "password123"},
}
tokens = {}


def public(person):
    return {"id": person["id"], "name": person["name"]}


def token_sent():
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


@app.post("/api/login")
def login():
    sent = request.get_json()
    person = people.get(sent.get("User"))
    if person is None or not secrets.compare_digest(person["password"], str(sent.get("Password"))):
        abort(401)
    token = secrets.token_urlsafe(32)
    tokens[token] = person
    return jsonify(user={**public(person), "authentication_token": token})


@app.get("/api/me")
def me():
    person = tokens.get(token_sent()) or abort(401)
    return jsonify(user=public(person))


@app.post("/api/logout")
def logout():
    tokens.pop(token_sent(), None)
    return "", 204
