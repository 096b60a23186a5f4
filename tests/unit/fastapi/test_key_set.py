from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import json
import logging
import threading
import time
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
from tenantry.fastapi.request import RequestFacts, current_request, current_request_id
from tenantry.fastapi.tokens import InvalidToken, TokenVerifier

RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def public(kid: str) -> dict[str, Any]:
    return {**RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True), "kid": kid, "alg": "RS256", "use": "sig"}


class Provider:
    """An identity provider on this machine, whose document can be changed and whose fetches are counted.

    `document` is JSON, or the bytes of a body. `raw` is the whole answer, from the status line on. While `hang` is set,
    each connection waits. `drip` sends the body byte by byte with this pause.
    """

    def __init__(self) -> None:
        self.document: Any = {"keys": [public("one")]}
        self.status = 200
        self.raw: bytes | None = None
        self.drip = 0.0
        self.released = threading.Event()
        self.released.set()
        self.fetches = 0
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.fetches += 1
                provider.released.wait(20)
                # A client that gave up has closed the connection.
                with contextlib.suppress(ConnectionError):
                    self.answer()

            def answer(self) -> None:
                if provider.raw is not None:
                    self.wfile.write(provider.raw)
                    return
                self.send_response(provider.status)
                if provider.status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()
                document = provider.document
                body = document if isinstance(document, bytes) else json.dumps(document).encode()
                if not provider.drip:
                    self.wfile.write(body)
                    return
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    if provider.released.wait(0) and provider.drip:
                        time.sleep(provider.drip)

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"

    def hang(self) -> None:
        self.released.clear()

    async def is_asked(self, fetches: int) -> None:
        """Wait until so many fetches have begun."""
        async with asyncio.timeout(10):
            while self.fetches < fetches:  # noqa: ASYNC110  # The server has threads.
                await asyncio.sleep(0.005)


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.released.set()
    made.drip = 0.0
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


async def settled(keys: KeySet, provider: Provider, fetches: int) -> None:
    """Wait until the fetch that runs in the background has ended."""
    await provider.is_asked(fetches)
    assert keys._fetch is not None
    await asyncio.wait({keys._fetch}, timeout=10)


async def test_known_keys_outlive_the_provider(provider: Provider) -> None:
    keys = KeySet(provider.url, lifetime=0, pause=0)
    await keys.key("one")
    provider.status = 500
    assert (await keys.key("one")).key_id == "one"
    await settled(keys, provider, 2)
    assert (await keys.key("one")).key_id == "one"


async def test_requests_with_a_known_key_do_not_wait_for_a_provider_that_hangs(provider: Provider) -> None:
    keys = KeySet(provider.url, lifetime=0, pause=0)
    verifier = TokenVerifier(keys)
    await verifier.verify(token())
    provider.hang()
    # Less than the timeout of a fetch; 50 requests that waited would take several times as long.
    async with asyncio.timeout(4):
        for _ in range(50):
            assert (await verifier.verify(token())).subject == "ada"
        await provider.is_asked(2)
    assert provider.fetches == 2


async def test_a_request_waits_no_longer_than_the_timeout(provider: Provider) -> None:
    provider.hang()
    keys = KeySet(provider.url, pause=0, timeout=0.2)
    async with asyncio.timeout(4):
        for _ in range(3):
            with pytest.raises(KeySetUnavailable):
                await keys.key("one")


async def test_a_request_that_ends_early_does_not_end_the_fetch_of_the_others(provider: Provider) -> None:
    provider.hang()
    keys = KeySet(provider.url)
    impatient, patient = asyncio.create_task(keys.key("one")), asyncio.create_task(keys.key("one"))
    await provider.is_asked(1)
    impatient.cancel()
    provider.released.set()
    assert (await patient).key_id == "one"
    assert provider.fetches == 1


async def test_keys_that_arrive_late_are_used(provider: Provider) -> None:
    """The connection is slower than a request waits, and does not break."""
    provider.hang()
    keys = KeySet(provider.url, pause=0)
    keys._timeout = 0.01
    fetch = keys._refresh()
    assert fetch is not None
    provider.released.set()
    await fetch
    assert (await keys.key("one")).key_id == "one"


async def test_a_withdrawn_key_is_refused_after_the_refresh(provider: Provider) -> None:
    keys = KeySet(provider.url, lifetime=0, pause=0)
    verifier = TokenVerifier(keys)
    await verifier.verify(token())
    provider.document = {"keys": [public("two"), *ODD_KEYS.values()]}
    await keys.key("one")
    await settled(keys, provider, 2)
    with pytest.raises(InvalidToken):
        await verifier.verify(token())
    assert (await verifier.verify(token("two"))).subject == "ada"


async def test_when_all_keys_are_withdrawn_none_is_accepted(provider: Provider) -> None:
    keys = KeySet(provider.url, lifetime=0, pause=0)
    await keys.key("one")
    provider.document = {"keys": []}
    await keys.key("one")
    await settled(keys, provider, 2)
    with pytest.raises(KeySetUnavailable):
        await keys.key("one")


async def test_the_log_line_of_a_refresh_does_not_name_the_request_that_caused_it(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.status = 500
    seen: list[str | None] = []

    def note(_record: logging.LogRecord) -> bool:
        seen.append(current_request_id())
        return True

    caplog.handler.addFilter(note)
    begun = current_request.set(RequestFacts("r1"))
    try:
        with pytest.raises(KeySetUnavailable):
            await KeySet(provider.url).key("one")
    finally:
        current_request.reset(begun)
    assert seen == [None]


WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505  # It must be refused.


def odd(**changes: Any) -> dict[str, Any]:
    """Return the good key with changes; None removes a member."""
    return {name: value for name, value in {**public("odd"), **changes}.items() if value is not None}


ODD_KEYS: dict[str, Any] = {
    "for encryption": odd(alg="RSA-OAEP", use=None),
    "for encryption, said by use": odd(use="enc"),
    "X25519": {"kty": "OKP", "crv": "X25519", "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08", "kid": "odd"},
    "unknown curve": {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA", "kid": "odd"},
    "point beside the curve": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "odd"},
    "without n": odd(n=None),
    "number as n": odd(n=17),
    "n is no base64": odd(n="\u00e9"),
    "exponent 1": odd(e="AQ"),
    "alg none": odd(alg="none"),
    "alg HS256": odd(alg="HS256"),
    "alg is a list": odd(alg=["RS256"]),
    "alg of another type": odd(alg="ES256"),
    "unknown kty": odd(kty="future"),
    "kty is a list": odd(kty=["RSA"]),
    "without kty": odd(kty=None),
    "weak": {**RSAAlgorithm.to_jwk(WEAK.public_key(), as_dict=True), "kid": "odd", "use": "sig"},
    "private": {**RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048), as_dict=True), "kid": "odd"},
    "empty": {},
    "no object": "odd",
}


@pytest.mark.parametrize("entry", ODD_KEYS.values(), ids=ODD_KEYS.keys())
async def test_an_odd_key_is_ignored_and_the_others_are_used(provider: Provider, entry: Any) -> None:
    provider.document = {"keys": [entry, public("one"), entry]}
    keys = KeySet(provider.url)
    assert (await TokenVerifier(keys).verify(token())).subject == "ada"
    with pytest.raises(LookupError):
        await keys.key("odd")


async def test_an_ignored_key_is_logged_without_its_content(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.document = {"keys": [odd(kty="EC", alg=None, crv="a-secret"), public("one")]}
    with caplog.at_level(logging.INFO):
        await KeySet(provider.url).key("one")
    assert "ignored" in caplog.text
    assert "a-secret" not in caplog.text


@pytest.mark.parametrize(("status", "document"), [(500, {}), (200, []), (200, {"keys": 1}), (302, {"keys": []})])
async def test_a_provider_that_gives_no_keys_is_not_the_fault_of_the_token(
    provider: Provider, status: int, document: Any
) -> None:
    provider.status, provider.document = status, document
    with pytest.raises(KeySetUnavailable):
        await TokenVerifier(KeySet(provider.url)).verify(token())


BROKEN: dict[str, bytes] = {
    "nested": b"HTTP/1.1 200 OK\r\n\r\n" + b'{"keys":' + b"[" * 200_000,
    "nested in a key": b'HTTP/1.1 200 OK\r\n\r\n{"keys":[{"kty":' + b'{"a":' * 100_000,
    "not JSON": b"HTTP/1.1 200 OK\r\n\r\n<html>",
    "not UTF-8": b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe\xff",
    "too large": b'HTTP/1.1 200 OK\r\n\r\n{"keys":[]}' + b" " * (600 * 1024),
    "no status line": b"nonsense\r\n\r\n",
    "no status": b"HTTP/1.1 \r\n\r\n",
    "cut off": b'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"keys":',
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "long header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN.keys())
async def test_a_broken_answer_is_not_the_fault_of_the_token(provider: Provider, raw: bytes) -> None:
    keys = KeySet(provider.url, lifetime=0, pause=0)
    verifier = TokenVerifier(keys)
    provider.raw = raw
    with pytest.raises(KeySetUnavailable):
        await verifier.verify(token())
    provider.raw = None
    await verifier.verify(token())
    provider.raw = raw
    fetches = provider.fetches
    await verifier.verify(token())
    await settled(keys, provider, fetches + 1)
    assert (await verifier.verify(token())).subject == "ada"


async def test_a_document_that_arrives_byte_by_byte_is_given_up(provider: Provider) -> None:
    provider.drip = 0.02
    keys = KeySet(provider.url, timeout=0.3)
    with pytest.raises(KeySetUnavailable):
        await keys.key("one")
    assert keys._fetch is not None
    done, _ = await asyncio.wait({keys._fetch}, timeout=10)
    assert done, "the fetch goes on"
    assert keys._keys == ()


async def test_a_provider_that_is_not_there_is_not_the_fault_of_the_token(provider: Provider) -> None:
    provider.server.server_close()
    with pytest.raises(KeySetUnavailable):
        await KeySet(provider.url).key("one")


def test_a_provider_that_hangs_does_not_delay_the_end_of_the_application(provider: Provider) -> None:
    provider.hang()
    keys = KeySet(provider.url, timeout=0.1)
    keys_are_missing = False
    began = time.monotonic()
    try:
        asyncio.run(keys.key("one"))
    except KeySetUnavailable:
        keys_are_missing = True
    assert keys_are_missing
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("url", ["http://id.example.org/keys", "ftp://127.0.0.1/keys", "file:///etc/passwd", "keys"])
def test_keys_come_over_https_only(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        check_url(url)
