"""Checks tokens as a service with Python's PyJWT would: python pyjwt.py BASE AUDIENCE

Finds issuer and keys by BASE's discovery page. Reads a token a line; answers a line of JSON each:
{"good": true, "kid", "claims", "fetches"} or {"good": false, "why", "fetches"}; `fetches` is how often it has fetched
the keys.
"""

import json
import sys
import urllib.request

import jwt

base, audience = sys.argv[1:]
with urllib.request.urlopen(f"{base}/.well-known/openid-configuration") as answer:
    discovered = json.load(answer)


class Client(jwt.PyJWKClient):
    fetches = 0

    def fetch_data(self):
        Client.fetches += 1
        return super().fetch_data()


client = Client(discovered["jwks_uri"])
for line in sys.stdin:
    token = line.rstrip("\n")
    try:
        key = client.get_signing_key_from_jwt(token)
        claims = jwt.decode(
            token,
            key,
            algorithms=discovered["id_token_signing_alg_values_supported"],
            audience=audience,
            issuer=discovered["issuer"],
            options={"require": ["iss", "aud", "sub", "sid", "iat", "exp", "jti"]},
        )
        verdict = {"good": True, "kid": jwt.get_unverified_header(token)["kid"], "claims": claims}
    except (jwt.PyJWTError, ValueError) as error:
        verdict = {"good": False, "why": f"{type(error).__name__}: {error}"}
    print(json.dumps({**verdict, "fetches": Client.fetches}), flush=True)
