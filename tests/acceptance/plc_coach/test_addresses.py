"""Where the database is: AWS Secrets Manager when configured, `DATABASE_URL` otherwise; TLS that is verified."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from password_server import PasswordServer, running_password_server

from plc_coach.settings import Settings
from tenantry import Address, errors
from tenantry.postgres.connect import connect
from tenantry.secrets import AddressSource

REGION = "eu-central-1"
# The name and the form that the story gives.
SECRET = "plccoach-db-password"
DOCUMENT = {"username": "coach", "password": "kept-by-aws", "host": "db.example", "port": 5432, "dbname": "plccoach"}
URL = "postgresql://local@127.0.0.1:5432/plc_coach"


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "DATABASE_SECRET", "PLC_COACH_DATABASE_URL", "PLC_COACH_DATABASE_SECRET"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        boto3.client("secretsmanager", region_name=REGION).create_secret(Name=SECRET, SecretString=json.dumps(DOCUMENT))
        yield


def source() -> AddressSource:
    found = Settings.load(env_file=None).source("application")
    assert found is not None
    return found


@pytest.mark.parametrize("variable", ["PLC_COACH_DATABASE_SECRET", "DATABASE_SECRET"])
async def test_the_secret_is_the_address_when_configured(
    aws: Any, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Before `DATABASE_URL`, which stands beside it in many an environment."""
    monkeypatch.setenv(variable, SECRET)
    monkeypatch.setenv(variable.replace("SECRET", "URL"), URL)
    address = await source().current()
    assert address == Address.parse("postgresql://coach:kept-by-aws@db.example:5432/plccoach")


async def test_the_url_is_the_address_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service's own variable wins over the bare one."""
    monkeypatch.setenv("DATABASE_URL", URL)
    assert await source().current() == Address.parse(URL)
    own = "postgresql://own@127.0.0.1:5432/plc_coach"
    monkeypatch.setenv("PLC_COACH_DATABASE_URL", own)
    assert await source().current() == Address.parse(own)


@pytest.fixture(scope="module")
def tls_server() -> Iterator[PasswordServer]:
    with running_password_server() as server:
        if not server.has_tls:
            pytest.skip("needs openssl to make a certificate")
        yield server


def verified(server: PasswordServer, host: str) -> str:
    root = server.folder / "data" / "server.crt"
    return f"postgresql://postgres:secret@{host}:{server.port}/postgres?sslmode=verify-full&sslrootcert={root}"


async def test_verify_full_reaches_a_server_with_a_good_certificate(
    tls_server: PasswordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Encrypted, by the URL of the service's variable alone."""
    monkeypatch.setenv("DATABASE_URL", verified(tls_server, "localhost"))
    connection = await connect(source(), deadline=10, application_name="test")
    try:
        assert await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    finally:
        await connection.close()


async def test_verify_full_refuses_another_name(tls_server: PasswordServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", verified(tls_server, "127.0.0.1"))
    with pytest.raises(errors.DatabaseUnavailable, match="certificate is invalid"):
        await connect(source(), deadline=10, application_name="test")


async def test_the_whole_address_may_be_a_secret_with_tls_beside_it(
    aws: Any, tls_server: PasswordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in production: login and host from AWS, how to trust it from the service's own variables."""
    document = {**DOCUMENT, "username": "postgres", "password": "secret", "host": "localhost"}
    document |= {"port": tls_server.port, "dbname": "postgres"}
    client = boto3.client("secretsmanager", region_name=REGION)
    client.put_secret_value(SecretId=SECRET, SecretString=json.dumps(document))
    monkeypatch.setenv("PLC_COACH_DATABASE_SECRET", SECRET)
    monkeypatch.setenv("PLC_COACH_DATABASE_SSLMODE", "verify-full")
    monkeypatch.setenv("PLC_COACH_DATABASE_SSLROOTCERT", str(tls_server.folder / "data" / "server.crt"))
    connection = await connect(source(), deadline=10, application_name="test")
    try:
        assert await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    finally:
        await connection.close()
