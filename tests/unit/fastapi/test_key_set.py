from __future__ import annotations

import asyncio
import base64
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tenantry.fastapi.key_set import KeySet, KeySetUnavailable, check_url
from tenantry.fastapi.tokens import InvalidToken, TokenVerifier

RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def public(kid: str) -> dict[str, Any]:
    return {**RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True), "kid": kid, "alg": "RS256", "use": "sig"}


class Provider:
    """An identity provider on this machine, whose document can be changed and whose fetches are counted."""

    def __init__(self) -> None:
        self.document: Any = {"keys": [public("one")]}
        self.status = 200
        self.fetches = 0
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.fetches += 1
                self.send_response(provider.status)
                if provider.status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(json.dumps(provider.document).encode())

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def token(kid: str | None = "one", algorithm: str = "RS256", key: Any = RSA_KEY) -> str:
    claims = {"sub": "ada", "exp": datetime.now(UTC) + timedelta(minutes=1)}
    return jwt.encode(claims, key, algorithm, headers={"kid": kid} if kid else None)


async def test_a_token_of_a_published_key_is_accepted(provider: Provider) -> None:
    assert (await TokenVerifier(KeySet(provider.url)).verify(token())).subject == "ada"


async def test_a_token_without_a_key_id_is_accepted_when_there_is_one_key(provider: Provider) -> None:
    assert (await TokenVerifier(KeySet(provider.url)).verify(token(None))).subject == "ada"


async def test_elliptic_curves_are_accepted(provider: Provider) -> None:
    provider.document = {"keys": [{**ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True), "kid": "ec"}]}
    assert (await TokenVerifier(KeySet(provider.url)).verify(token("ec", "ES256", EC_KEY))).subject == "ada"


async def test_the_public_key_is_no_shared_secret(provider: Provider) -> None:
    """The classic confusion of algorithms: HS256 with the published key as its secret."""
    claims = {"sub": "eve", "exp": (datetime.now(UTC) + timedelta(minutes=1)).timestamp()}
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "one"}, claims)]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    pem = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    mac = base64.urlsafe_b64encode(hmac.digest(pem, signed, "sha256")).rstrip(b"=")
    with pytest.raises(InvalidToken):
        await TokenVerifier(KeySet(provider.url)).verify((signed + b"." + mac).decode())


async def test_a_symmetric_key_in_the_document_is_ignored(provider: Provider) -> None:
    known = {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "oct", "alg": "HS256"}
    provider.document = {"keys": [public("one"), known]}
    with pytest.raises(LookupError):
        await KeySet(provider.url).key("oct")


async def test_a_crowd_makes_one_fetch(provider: Provider) -> None:
    keys = KeySet(provider.url)
    await asyncio.gather(*(keys.key("one") for _ in range(20)))
    assert provider.fetches == 1


async def test_forged_key_ids_make_no_more_fetches_than_the_pause_allows(provider: Provider) -> None:
    keys = KeySet(provider.url)
    for number in range(20):
        with pytest.raises(LookupError):
            await keys.key(f"forged-{number}")
    assert provider.fetches == 1


async def test_a_new_key_is_found_after_the_pause(provider: Provider) -> None:
    keys = KeySet(provider.url, pause=0)
    await keys.key("one")
    provider.document = {"keys": [public("one"), public("two")]}
    assert (await keys.key("two")).key_id == "two"


async def test_known_keys_outlive_the_provider(provider: Provider) -> None:
    keys = KeySet(provider.url, lifetime=0, pause=0)
    await keys.key("one")
    provider.status = 500
    assert (await keys.key("one")).key_id == "one"
    assert provider.fetches == 2


@pytest.mark.parametrize(("status", "document"), [(500, {}), (200, []), (200, {"keys": 1}), (302, {"keys": []})])
async def test_a_provider_that_gives_no_keys_is_not_the_fault_of_the_token(
    provider: Provider, status: int, document: Any
) -> None:
    provider.status, provider.document = status, document
    with pytest.raises(KeySetUnavailable):
        await TokenVerifier(KeySet(provider.url)).verify(token())


@pytest.mark.parametrize("url", ["http://id.example.org/keys", "ftp://127.0.0.1/keys", "file:///etc/passwd", "keys"])
def test_keys_come_over_https_only(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        check_url(url)
