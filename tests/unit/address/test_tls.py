"""What each mode accepts, tried with real handshakes against a server whose certificate we made."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import shutil
import ssl
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tenantry import errors
from tenantry.address import TLS


class Files(NamedTuple):
    root: str
    certificate: str
    key: str
    stranger: str


Signer = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]

AUTHORITY_USES = {"key_cert_sign", "crl_sign"}
SERVER_USES = {"digital_signature"}


def key_usage(uses: set[str]) -> x509.KeyUsage:
    """Return the extension with these uses and no other."""
    every = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{use: use in uses for use in every})


def make_certificate(
    folder: Path, name: str, signer: Signer | None = None, *, is_bare: bool = False, uses: set[str] | None = None
) -> Signer:
    """Write `name.pem` and `name.key`: an authority, or a server's certificate for `localhost`.

    They follow RFC 5280, which Python checks by default from 3.13. A bare one lacks the key usage and the key
    identifiers, as the usual lines of `openssl` leave it.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    issuer, issuer_key = (signer[0].subject, signer[1]) if signer else (subject, key)
    builder = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=not is_bare)
    )
    if signer is not None:
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.2"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if not is_bare:
        issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        builder = (
            builder.add_extension(key_usage(uses or (SERVER_USES if signer else AUTHORITY_USES)), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(issued_by, critical=False)
        )
    certificate = builder.sign(issuer_key, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, key


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("tls")
    make_certificate(folder, "server", make_certificate(folder, "root"))
    make_certificate(folder, "stranger")
    return Files(*(str(folder / name) for name in ("root.pem", "server.pem", "server.key", "stranger.pem")))


@pytest.fixture(scope="module")
def bare_files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("bare")
    make_certificate(folder, "server", make_certificate(folder, "root", is_bare=True), is_bare=True)
    make_certificate(folder, "stranger", is_bare=True)
    return Files(*(str(folder / name) for name in ("root.pem", "server.pem", "server.key", "stranger.pem")))


async def shake_hands(
    client: TLS | ssl.SSLContext, files: Files, name: str = "localhost", *, asks_client: bool = False
) -> bool:
    """Return whether a TLS client with this setting accepts the server under `name`.

    The server is as strict with a client's certificate as Python 3.13 makes it, on every Python.
    """
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.verify_flags |= ssl.VERIFY_X509_STRICT
    served.load_cert_chain(files.certificate, files.key)
    if asks_client:
        served.load_verify_locations(files.root)
        served.verify_mode = ssl.CERT_REQUIRED

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"S")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0, ssl=served) as server:
        port = server.sockets[0].getsockname()[1]
        context = client.ssl_context() if isinstance(client, TLS) else client
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
            # A refused client certificate shows with the first read only (TLS 1.3).
            is_accepted = await reader.read(1) == b"S"
            writer.close()
        except (ssl.SSLError, ConnectionError):
            return False
        return is_accepted


@pytest.mark.parametrize(
    ("mode", "root", "name", "is_accepted"),
    [
        ("require", None, "elsewhere", True),
        ("require", "stranger", "localhost", False),
        ("require", "root", "elsewhere", True),
        ("verify-ca", "root", "elsewhere", True),
        ("verify-ca", "stranger", "localhost", False),
        ("verify-full", "root", "localhost", True),
        ("verify-full", "root", "elsewhere", False),
        ("verify-full", "stranger", "localhost", False),
        ("verify-full", None, "localhost", False),
    ],
)
async def test_a_mode_accepts_what_libpq_would(
    files: Files, mode: str, root: str | None, name: str, *, is_accepted: bool
) -> None:
    """The last row is the system's store, which does not know our authority."""
    tls = TLS(mode, getattr(files, root) if root else None)  # type: ignore[arg-type]
    assert await shake_hands(tls, files, name) is is_accepted


async def test_an_authority_without_key_usage_is_accepted_as_libpq_does(bare_files: Files) -> None:
    """Self-made authorities are often so; whether one is accepted does not depend on the version of Python."""
    for mode in ("require", "verify-ca", "verify-full"):
        assert await shake_hands(TLS(mode, bare_files.root), bare_files)
        assert not await shake_hands(TLS(mode, bare_files.stranger), bare_files)


async def test_an_authority_whose_key_usage_is_not_to_sign_is_refused(tmp_path: Path) -> None:
    """The extension may be missing; one that is there must allow what the key did. The error's remedy says so."""
    make_certificate(tmp_path, "server", make_certificate(tmp_path, "root", uses={"digital_signature"}))
    made = Files(*(str(tmp_path / name) for name in ("root.pem", "server.pem", "server.key", "root.pem")))
    assert not await shake_hands(TLS("verify-ca", made.root), made)


async def test_a_strict_check_tells_bare_certificates_from_complete_ones(files: Files, bare_files: Files) -> None:
    """This is what the test above would meet if our context took Python's default."""
    for made, is_accepted in ((files, True), (bare_files, False)):
        context = ssl.create_default_context(cafile=made.root)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        assert await shake_hands(context, made) is is_accepted


async def test_a_client_certificate_is_shown(files: Files) -> None:
    assert await shake_hands(TLS("require", None, files.certificate, files.key), files, asks_client=True)
    assert not await shake_hands(TLS("require"), files, asks_client=True)


def test_asyncpg_is_told_by_name_what_may_end_in_plain_text() -> None:
    """A context would mean `require` to asyncpg, and None would ask PGSSLMODE."""
    assert TLS("disable").asyncpg_ssl is False
    assert TLS("disable").ssl_context() is None
    assert TLS("allow").asyncpg_ssl == "allow"
    assert TLS("prefer").asyncpg_ssl == "prefer"
    assert isinstance(TLS("require").asyncpg_ssl, ssl.SSLContext)


def test_old_protocols_are_refused() -> None:
    context = TLS("require").ssl_context()
    assert context is not None
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


async def test_a_renewed_certificate_serves_the_next_connection(files: Files, tmp_path: Path) -> None:
    root = tmp_path / "root.pem"
    shutil.copy(files.stranger, root)
    tls = TLS("verify-full", str(root))
    assert not await shake_hands(tls, files)
    assert tls.ssl_context() is tls.ssl_context()
    renewed = tmp_path / "renewed.pem"
    shutil.copy(files.root, renewed)
    renewed.replace(root)
    assert await shake_hands(tls, files)


def test_a_file_that_cannot_be_used_is_named(files: Files, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate")
    for tls, expected in (
        (TLS("verify-full", "/nowhere/ca.pem"), "sslrootcert cannot be used (/nowhere/ca.pem). No such file"),
        (TLS("verify-full", str(garbage)), "sslrootcert cannot be used"),
        (TLS("require", None, files.certificate, str(garbage)), "sslcert and sslkey cannot be used"),
    ):
        with pytest.raises(errors.ConfigurationError) as caught:
            tls.ssl_context()
        assert expected in str(caught.value)


def test_an_encrypted_key_does_not_ask_the_terminal(files: Files, tmp_path: Path) -> None:
    encrypted = tmp_path / "encrypted.key"
    encrypted.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"pass phrase"),
        )
    )
    with pytest.raises(errors.ConfigurationError):
        TLS("require", None, files.certificate, str(encrypted)).ssl_context()
