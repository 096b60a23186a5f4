"""Demonstration data: two tenants with enhancements, and example requests.

The secrets are public. Run `seed` only on a database that is for demonstrations.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import select

from ai_agents import history
from ai_agents.models import TenantConfig
from ai_agents.settings import Settings
from ai_agents.signature import HEADER, sign
from tenantry import Database
from tenantry.fastapi import Examples, issue_token

__all__ = ["TENANTS", "examples", "seed", "tokens"]

# For each tenant: its name, and the secret that its service desk signs with.
TENANTS = {
    "acme": ("Acme Corporation", "acme-demo-signing-secret"),
    "globex": ("Globex Industries", "globex-demo-signing-secret"),
}

TOKEN_LIFETIME = timedelta(days=30)


async def seed(database: Database) -> None:
    """Insert the demonstration tenants that do not exist yet."""
    for tenant, (name, secret) in TENANTS.items():
        async with database.tenant(tenant) as session:
            if await session.scalar(select(TenantConfig)) is not None:
                continue
            session.add(
                TenantConfig(
                    tenant_id=tenant,
                    name=name,
                    servicedesk_url=f"https://{tenant}.servicedesk.example/api/v3/",
                    servicedesk_api_key=f"{tenant}-demo-api-key",
                    webhook_signing_secret=secret,
                    enhancement_preferences={"llm_model": "gpt-4o-mini", "max_context_length": 500},
                )
            )
            done = await history.begin(session, "INC-1001", {"similar_tickets": ["INC-0907"]})
            answer = "Restart the print spooler; INC-0907 had the same cause."
            await history.finish(
                session, done.id, {"status": "completed", "llm_output": answer, "processing_time_ms": 1840}
            )
            lost = await history.begin(session, "INC-1002", None)
            reason = "The service desk did not answer within 30 s."
            await history.finish(session, lost.id, {"status": "failed", "error_message": reason})
            await history.begin(session, "INC-1003", {"priority": "high"})


def tokens(settings: Settings) -> dict[str, str]:
    """Return a bearer token for the administrator of each demonstration tenant."""
    return {
        tenant: issue_token(settings, f"demo@{tenant}", tenant, ["admin"], lifetime=TOKEN_LIFETIME)
        for tenant in TENANTS
    }


def examples(settings: Settings, url: str) -> Iterator[tuple[str, str]]:
    """Yield a title and a curl line for each example; `url` is the service's (`http://127.0.0.1:8000/ai-agents`)."""
    if settings.jwt_secret is None:
        # An identity provider issues the tokens, so there is no token to show.
        return
    ask = Examples(url, tokens(settings))
    yield ask.ready
    yield "Acme's enhancements", ask.line("/enhancements", "acme")
    yield "Globex sees only its own enhancements", ask.line("/enhancements", "globex")
    yield "Acme's configuration, without its secrets", ask.line("/tenants/acme", "acme")
    yield "The configuration of another tenant is not found", ask.line("/tenants/globex", "acme")
    yield "Ask for an enhancement", ask.line("/enhancements", "acme", {"ticket_id": "INC-2001"})
    ticket = {"delivery_id": str(uuid.uuid4()), "ticket_id": "INC-2002", "context": {"priority": "high"}}
    signature = sign(json.dumps(ticket).encode(), TENANTS["acme"][1].encode())
    signed = {"X-Tenant-ID": "acme", HEADER: signature}
    webhook = ask.line("/webhooks/servicedesk", body=ticket, headers=signed)
    yield "A signed webhook; the second time it is refused as a replay", webhook
