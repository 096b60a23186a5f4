from __future__ import annotations

from pydantic import SecretStr

from tenantry.address import Address, Host
from tenantry.postgres.engine import PoolOptions, create_engine
from tenantry.secrets import StaticSource
from tenantry.settings import DatabaseSettings


def test_the_pool_is_as_the_settings_say() -> None:
    settings = DatabaseSettings(
        database_pool_size=2,
        database_max_overflow=3,
        database_pool_idle_timeout=4,
        database_pool_timeout=5,
        database_pool_recycle=6,
        database_connect_timeout=7,
        database_statement_timeout=8,
        database_idle_in_transaction_timeout=9,
    )
    assert PoolOptions.from_settings(settings) == PoolOptions(2, 3, 4, 5, 6, 7, 8, 9)
    assert PoolOptions.from_settings(DatabaseSettings()) == PoolOptions()


def test_our_own_limit_is_longer_than_the_servers_and_missing_when_that_is() -> None:
    limited = PoolOptions(statement_timeout=1.5).session("test", None)
    assert limited.settings["statement_timeout"] == "1500"
    assert limited.command_timeout is not None
    assert limited.command_timeout > 1.5
    assert PoolOptions(statement_timeout=0).session("test", None).command_timeout is None


async def test_an_engine_shows_no_password() -> None:
    address = Address((Host("db"),), "items", "me", SecretStr("hunter2"))
    engine = create_engine(StaticSource(address), PoolOptions(), application_name="test")
    assert "hunter2" not in f"{engine!r} {engine.url!r} {engine.sync_engine.pool.status()}"
    await engine.dispose()
