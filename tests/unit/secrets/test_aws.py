"""AWS Secrets Manager: the labels of a rotation, the retries, and what is said when AWS does not answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import stamina
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from tenantry import errors
from tenantry.address import Address
from tenantry.secrets import AWSSource

REGION = "eu-central-1"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws(), stamina.set_testing(testing=True, attempts=3, cap=True):
        yield boto3.client("secretsmanager", region_name=REGION)


def document(password: str) -> str:
    return json.dumps({"username": "u", "password": password, "host": "h", "port": 5433, "dbname": "d"})


def read_passwords(addresses: Any) -> list[str]:
    return [address.password.get_secret_value() for address in addresses]


def start_rotation(aws: Any, password: str) -> None:
    aws.put_secret_value(SecretId="shop/db", SecretString=document(password), VersionStages=["AWSPENDING"])


async def test_the_secrets_json_is_the_address(aws: Any) -> None:
    aws.create_secret(Name="shop/db", SecretString=document("sentinel"))
    address = await AWSSource("shop/db", region=REGION).current()
    assert address == Address.parse("postgresql://u:sentinel@h:5433/d")


async def test_an_arn_says_its_region_itself(aws: Any) -> None:
    arn = aws.create_secret(Name="shop/db", SecretString=document("a"))["ARN"]
    source = AWSSource(arn)
    assert source.region == REGION
    assert read_passwords([await source.current()]) == ["a"]


async def test_a_binary_secret_is_read(aws: Any) -> None:
    aws.create_secret(Name="shop/db", SecretBinary=document("a").encode())
    assert read_passwords([await AWSSource("shop/db", region=REGION).current()]) == ["a"]


async def test_the_cached_address_stays_until_a_refresh(aws: Any) -> None:
    aws.create_secret(Name="shop/db", SecretString=document("a"))
    source = AWSSource("shop/db", region=REGION)
    await source.current()
    aws.put_secret_value(SecretId="shop/db", SecretString=document("b"))
    assert read_passwords([await source.current()]) == ["a"]
    assert read_passwords(await source.refresh()) == ["b"]
    assert read_passwords([await source.current()]) == ["b"]


async def test_a_rotation_under_way_offers_the_pending_version_second(aws: Any) -> None:
    aws.create_secret(Name="shop/db", SecretString=document("a"))
    source = AWSSource("shop/db", region=REGION)
    assert read_passwords(await source.refresh()) == ["a"]
    start_rotation(aws, "b")
    assert read_passwords(await source.refresh()) == ["a", "b"]
    assert read_passwords([await source.current()]) == ["a"]


async def test_a_pending_version_that_is_empty_is_passed_over(aws: Any) -> None:
    aws.create_secret(Name="shop/db", SecretString=document("a"))
    aws.put_secret_value(SecretId="shop/db", SecretString="{}", VersionStages=["AWSPENDING"])
    assert read_passwords(await AWSSource("shop/db", region=REGION).refresh()) == ["a"]


async def test_a_pending_version_that_is_already_current_is_one_candidate(aws: Any) -> None:
    """AWS leaves the label AWSPENDING where a rotation ended."""
    aws.create_secret(Name="shop/db", SecretString=document("a"))
    start_rotation(aws, "a")
    assert read_passwords(await AWSSource("shop/db", region=REGION).refresh()) == ["a"]


async def test_every_request_names_its_version(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.create_secret(Name="shop/db", SecretString=document("a"))
    source = AWSSource("shop/db", region=REGION)
    requests: list[dict[str, str]] = []
    client = source._connect()
    answer = client.get_secret_value

    def record(**arguments: str) -> Any:
        requests.append(arguments)
        return answer(**arguments)

    monkeypatch.setattr(client, "get_secret_value", record)
    await source.refresh()
    assert [request["VersionStage"] for request in requests] == ["AWSCURRENT", "AWSPENDING"]


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ThrottlingException", "Message": "slower"}}, "GetSecretValue"),
        EndpointConnectionError(endpoint_url="https://secretsmanager"),
    ],
)
async def test_what_passes_is_tried_again(aws: Any, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    aws.create_secret(Name="shop/db", SecretString=document("a"))
    source = AWSSource("shop/db", region=REGION)
    answer, failures = source._request, [error, error]

    def stumble(stage: str) -> str:
        if failures:
            raise failures.pop()
        return answer(stage)

    monkeypatch.setattr(source, "_request", stumble)
    assert read_passwords([await source.current()]) == ["a"]


async def test_what_lasts_is_given_up_after_some_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    source = AWSSource("shop/db", region=REGION)
    tries: list[str] = []

    def fail(stage: str) -> str:
        tries.append(stage)
        raise EndpointConnectionError(endpoint_url="https://secretsmanager")

    monkeypatch.setattr(source, "_request", fail)
    with pytest.raises(errors.SecretUnavailable, match="Could not connect to the endpoint"):
        await source.current()
    assert tries == ["AWSCURRENT"] * 3


async def test_an_unknown_secret_is_named_at_once(aws: Any) -> None:
    with pytest.raises(errors.SecretUnavailable) as caught:
        await AWSSource("shop/absent", region=REGION).current()
    what = "AWS Secrets Manager did not return the secret 'shop/absent' that DATABASE_SECRET names."
    assert (caught.value.what, caught.value.why) == (what, "ResourceNotFoundException.")
    assert caught.value.variable == "DATABASE_SECRET"


async def test_a_missing_region_is_said() -> None:
    with pytest.raises(errors.SecretUnavailable, match="You must specify a region"):
        await AWSSource("shop/db").current()


async def test_a_secret_that_is_no_address_is_not_repeated(aws: Any) -> None:
    aws.create_secret(Name="shop/db", SecretString='{"password": "sentinel"}')
    with pytest.raises(errors.ConfigurationError, match="DATABASE_SECRET: username is missing") as caught:
        await AWSSource("shop/db", region=REGION).current()
    assert "sentinel" not in str(caught.value)


async def test_without_boto3_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(errors.ConfigurationError, match=r"needs boto3, .* pip install 'tenantry\[aws\]'"):
        await AWSSource("shop/db", region=REGION).current()


def test_its_repr_shows_where_not_what() -> None:
    assert repr(AWSSource("shop/db", region=REGION)) == "AWSSource('shop/db', region='eu-central-1')"
