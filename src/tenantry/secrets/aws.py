"""An address in AWS Secrets Manager.

During a rotation, the database may already have the new password while the label AWSCURRENT still names the old one
(AWS user guide, "Rotation by Lambda function"). So a refresh returns the address of AWSPENDING as the second candidate.
Every request names its VersionStage. boto3 blocks, so it runs in a thread; the first request imports it there.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import stamina

from tenantry import errors
from tenantry.address import Address, Origin
from tenantry.secrets.document import read_document
from tenantry.secrets.source import StoredSource

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

# Seconds. A request takes about 20 ms. After ten seconds, the caller's own deadline has passed.
CONNECT_TIMEOUT = 2.0
READ_TIMEOUT = 3.0
ATTEMPTS = 4
DEADLINE = 10.0

# Errors after which a later request may succeed (AWS Secrets Manager API reference, "Common errors").
_TRANSIENT = frozenset(
    {
        "InternalFailure",
        "InternalServiceError",
        "RequestTimeout",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
    }
)

# An ARN contains its region.
_ARN = re.compile(r"arn:[^:]*:secretsmanager:([^:]+):")


class AWSSource(StoredSource):
    """The address in the secret `secret`, a name or an ARN; `defaults` fill in what the secret leaves out."""

    def __init__(
        self,
        secret: str,
        *,
        region: str | None = None,
        defaults: Mapping[str, str] | None = None,
        origin: Origin | None = None,
    ) -> None:
        super().__init__()
        self.secret = secret
        arn = _ARN.match(secret)
        self.region = region or (arn[1] if arn else None)
        self._defaults = defaults or {}
        hint = "Add username, password, host and dbname to the secret's JSON."
        self._origin = origin or Origin("DATABASE_SECRET", hint=hint)
        self._client: SecretsManagerClient | None = None

    async def fetch(self) -> tuple[Address, ...]:
        """Return the address of AWSCURRENT, then that of AWSPENDING if it differs.

        Raises:
            SecretUnavailable: AWS refused, does not know the secret, or did not answer in time.
            ConfigurationError: boto3 is not installed, or the secret contains no address.
        """
        current = read_document(await self._read("AWSCURRENT"), self._defaults, self._origin)
        try:
            pending = read_document(await self._read("AWSPENDING"), self._defaults, self._origin)
        except errors.ConfigurationError:
            # No rotation is running, a policy hides the label, or the version is still empty.
            return (current,)
        return (current,) if pending == current else (current, pending)

    async def _read(self, stage: str) -> str:
        await asyncio.to_thread(_require_boto3, self._origin.variable)
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            async for attempt in stamina.retry_context(
                on=_is_transient, attempts=ATTEMPTS, timeout=DEADLINE, wait_initial=0.1, wait_max=1.0
            ):
                with attempt:
                    return await asyncio.to_thread(self._request, stage)
        except ClientError as error:
            raise self._unavailable(str(error.response.get("Error", {}).get("Code", "unknown error"))) from error
        except BotoCoreError as error:
            raise self._unavailable(str(error).rstrip(".")) from error
        raise AssertionError("unreachable")

    def _request(self, stage: str) -> str:
        answer = self._connect().get_secret_value(SecretId=self.secret, VersionStage=stage)
        return answer.get("SecretString") or answer.get("SecretBinary", b"").decode(errors="replace")

    def _connect(self) -> SecretsManagerClient:
        import boto3  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        if self._client is None:
            # stamina retries; retries of botocore would multiply with them.
            config = Config(
                connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT, retries={"total_max_attempts": 1}
            )
            # Not boto3's default session, because threads may not share it.
            self._client = boto3.Session(region_name=self.region).client("secretsmanager", config=config)
        return self._client

    def _unavailable(self, reason: str) -> errors.SecretUnavailable:
        variable = self._origin.variable
        return errors.SecretUnavailable(
            f"AWS Secrets Manager did not return the secret {self.secret!r} that {variable} names.",
            variable=variable,
            why=f"{reason}.",
            remedy="Check the secret's name and region, the credentials of AWS and the policy of the secret.",
        )

    def __repr__(self) -> str:
        return f"AWSSource({self.secret!r}, region={self.region!r})"


def _require_boto3(variable: str) -> None:
    # The import takes a third of a second, so it runs in the thread.
    try:
        import boto3  # noqa: F401, PLC0415
    except ImportError as error:
        raise errors.ConfigurationError(
            f"{variable} needs boto3, which is not installed.",
            variable=variable,
            remedy="Install it with: pip install 'tenantry[aws]'",
        ) from error


def _is_transient(error: Exception) -> bool:
    from botocore import exceptions  # noqa: PLC0415

    if isinstance(error, exceptions.ClientError):
        return error.response.get("Error", {}).get("Code") in _TRANSIENT
    return isinstance(error, (exceptions.ConnectionError, exceptions.HTTPClientError))
