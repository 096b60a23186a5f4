"""The readiness check of a Redis, for services that use one. The client is imported only where a URL is set."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from pydantic import SecretStr

from tenantry import errors
from tenantry.fastapi.health import DEADLINE, Check, Measurement, Status

__all__ = ["redis_check"]


def redis_check(url: SecretStr | str, *, variable: str = "REDIS_URL") -> Check:
    """Return a check that sends PING over a connection of its own, opened for the question and closed after it.

    Raises:
        ConfigurationError: the URL is malformed, or the client is not installed.
    """
    text = url.get_secret_value() if isinstance(url, SecretStr) else url
    try:
        from redis.asyncio import Redis  # noqa: PLC0415
    except ImportError as error:
        raise errors.ConfigurationError(
            f"{variable} is set, but the Redis client is not installed.",
            variable=variable,
            remedy="Install tenantry[redis], or unset the variable.",
        ) from error
    try:
        Redis.from_url(text)
    except ValueError as error:
        # The client's own sentence may repeat the URL and the password in it.
        raise errors.ConfigurationError(
            f"{variable} is not a Redis URL.", variable=variable, remedy="Write it as redis://host:6379/0."
        ) from error

    async def check() -> Mapping[str, Measurement]:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(DEADLINE), Redis.from_url(text, socket_connect_timeout=DEADLINE) as client:
                await client.ping()
        except Exception:  # noqa: BLE001  (refused, late, wrong password: it is not there for us)
            return {"connectivity": Measurement(Status.FAIL, "Redis did not answer in time.")}
        return {"connectivity": Measurement(observed=round((time.perf_counter() - began) * 1000, 1), unit="ms")}

    return check
