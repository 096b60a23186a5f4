"""The readiness check of Redis. The client is imported only when a URL is set."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from pydantic import SecretStr

from tenantry import errors
from tenantry.fastapi import health

__all__ = ["redis_check"]


def redis_check(url: SecretStr, *, variable: str) -> health.Check:
    """Return a check that opens a connection, sends PING and closes the connection.

    Raises:
        ConfigurationError: the URL is malformed, or the Redis client is not installed.
    """
    text = url.get_secret_value()
    try:
        from redis.asyncio import Redis  # noqa: PLC0415
    except ImportError as error:
        raise errors.ConfigurationError(
            f"{variable} is set, but the Redis client is not installed.",
            variable=variable,
            remedy="Install the package `redis`, or unset the variable.",
        ) from error
    try:
        Redis.from_url(text)
    except ValueError as error:
        # The client's message may contain the URL with its password.
        raise errors.ConfigurationError(
            f"{variable} is not a Redis URL.", variable=variable, remedy="Write redis://host:6379/0."
        ) from error

    async def check() -> Mapping[str, health.Measurement]:
        began = time.perf_counter()
        try:
            async with (
                asyncio.timeout(health.DEADLINE),
                Redis.from_url(text, socket_connect_timeout=health.DEADLINE) as client,
            ):
                await client.ping()
        except Exception:  # noqa: BLE001  (refused, too late, wrong password: the service cannot use this Redis.)
            return {"connectivity": health.Measurement(health.Status.FAIL, "Redis did not answer in time.")}
        latency = round((time.perf_counter() - began) * 1000, 1)
        return {"connectivity": health.Measurement(observed=latency, unit="ms")}

    return check
