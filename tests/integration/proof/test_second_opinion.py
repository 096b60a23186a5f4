"""pgrls beside our audit: what another team's verifier finds and ours does not is our fault, or is explained here.

On PostgreSQL 18 only: it is about rules, and those are the same on every version.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from plain import connected

from tenantry import Address
from tenantry.postgres.binaries import Binaries
from tenantry.project import find_project
from tenantry.proof.audit.inspection import inspect_address
from tenantry.service import Service, load_services
from tenantry.testing.cluster import Cluster

pytestmark = pytest.mark.one_version

ROOT = Path(__file__).parents[3]
SERVICES = {service.name: service for service in load_services(find_project(ROOT))}
PGRLS = Path(sys.executable).with_name("pgrls")
VERSION = 18

# Rule, place, and what is said.
Opinion = tuple[str, str, str]


@dataclass(frozen=True)
class Explained:
    """What pgrls reports of a healthy service, by rule and place, and why it is no fault."""

    rule: str
    place: str
    why: str


OWNERS = "The policy is for the owner alone, which nobody logs in as: without it, migrations would change no row."
EXPLAINED = (
    Explained("SEC001", r"public\.alembic_version", "Alembic's own table: one row, the revision. No tenant's."),
    Explained("SEC001", r"public\.(items|idempotency_keys)", "Global tables of a service that has no tenants."),
    Explained("SEC001", r"public\.sign_in_attempts", "Global: who tries to sign in has no tenant yet."),
    Explained("SEC005", r"public\.\w+\.owner_maintenance_policy", OWNERS),
    Explained("SEC008", r"public\.\w+\.owner_maintenance_policy", OWNERS),
    Explained("SEC028", r"public\.\w+\.owner_maintenance_policy", OWNERS),
    Explained("SEC038", r"public\.\w+\.owner_maintenance_policy", OWNERS),
    Explained("SEC007", r"public\.\w+", "A second permissive policy for the application is an error of ours: TN006."),
    Explained("SEC013", r"public\.\w+\.trigger_\w+_updated_at", "It sets the time of change, as its invoker."),
    Explained("SEC014", r"public\.tenant_of_\w+", "A declared lookup, which returns the tenant and the key alone."),
    Explained("SEC016", r"\w*admin", "The admin role works across tenants: another login, with a reason, logged."),
    Explained("SEC027", r"public\.\w+", "What holds rows apart is the tenant; users of one tenant are its own matter."),
    Explained(
        "SEC035", r"public\.\w+ \(\w+_(email|share_token)\)", "The key of a declared lookup; its limit is known."
    ),
    Explained("SEC035", r"public\.tenants \(uq_tenants_name\)", "A sign-up must learn that a company's name is taken."),
)

# Statements that break a healthy database, each in a way of its own.
SABOTAGES = {
    "row security off": "ALTER TABLE users DISABLE ROW LEVEL SECURITY",
    "row security not forced": "ALTER TABLE users NO FORCE ROW LEVEL SECURITY",
    "policy dropped": "DROP POLICY tenant_isolation_policy ON users",
    "policy always true": "ALTER POLICY tenant_isolation_policy ON users USING (true)",
    "policy without check": """
        DROP POLICY tenant_isolation_policy ON users;
        CREATE POLICY tenant_isolation_policy ON users TO accounts_app
        USING (tenant_id = (SELECT current_setting('app.current_tenant_id', true)::uuid)) WITH CHECK (true)
    """,
    "policy open to the unset": """
        ALTER POLICY tenant_isolation_policy ON users
        USING (tenant_id = (SELECT current_setting('app.current_tenant_id', true)::uuid)
               OR current_setting('app.current_tenant_id', true) IS NULL)
    """,
    "policy for everybody": "ALTER POLICY tenant_isolation_policy ON users TO PUBLIC",
    "policy evaluated for each row": """
        ALTER POLICY tenant_isolation_policy ON users
        USING (tenant_id = current_setting('app.current_tenant_id', true)::uuid)
    """,
    "policy by a setting": """
        CREATE POLICY support ON users TO accounts_app USING (current_setting('app.bypass', true) = 'on')
    """,
    "second permissive policy": "CREATE POLICY extra ON users TO accounts_app USING (username IS NOT NULL)",
    "table without row security": """
        CREATE TABLE notes (id uuid PRIMARY KEY, tenant_id uuid NOT NULL);
        GRANT SELECT ON notes TO accounts_app
    """,
    "view of its owner": "CREATE VIEW people AS SELECT * FROM users; GRANT SELECT ON people TO accounts_app",
    "materialized view": """
        CREATE MATERIALIZED VIEW counted AS SELECT tenant_id, count(*) FROM users GROUP BY 1;
        GRANT SELECT ON counted TO accounts_app
    """,
    "definer's function": """
        CREATE FUNCTION everybody() RETURNS SETOF users LANGUAGE sql SECURITY DEFINER AS 'SELECT * FROM users'
    """,
    "definer's trigger": """
        CREATE FUNCTION spread() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER spreads BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION spread()
    """,
    "unpinned search path": "ALTER FUNCTION tenant_of_users_by_email RESET search_path",
    "leakproof function": """
        CREATE FUNCTION tells(text) RETURNS boolean LANGUAGE sql IMMUTABLE LEAKPROOF AS 'SELECT true'
    """,
    "truncate granted": "GRANT TRUNCATE ON users TO accounts_app",
    "granted to everybody": "GRANT SELECT, UPDATE ON users TO PUBLIC",
    "tenant may be missing": "ALTER TABLE users ALTER tenant_id DROP NOT NULL",
    "unique across tenants": "CREATE UNIQUE INDEX uq_users_username ON users (username)",
    "reference across tenants": """
        ALTER TABLE password_changes ADD CONSTRAINT fk_alone FOREIGN KEY (user_id) REFERENCES users (id)
        ON DELETE CASCADE
    """,
    "no index on the tenant": "DROP INDEX IF EXISTS ix_users_tenant_id; ALTER TABLE users DROP CONSTRAINT "
    "uq_users_tenant_id_username CASCADE",
}
# What pgrls has no rule for, or sees only where its own names are used; our audit finds it alone.
UNSEEN = {
    "granted to everybody",
    "no index on the tenant",
    "policy dropped",
    "reference across tenants",
    "truncate granted",
}


@pytest.fixture(autouse=True)
def _is_of_one_version(binaries: Binaries) -> None:
    if binaries.major != VERSION:
        pytest.skip("a second opinion about rules, which one version is enough for")


@pytest.fixture
def database(request: pytest.FixtureRequest, tenantry_cluster: Cluster) -> Iterator[Address]:
    """A healthy database of the service that the test is about."""
    service: Service = request.getfixturevalue("subject")
    with tenantry_cluster.scratch(service, {}, tenantry_cluster.template(service, {})) as scratch:
        yield scratch.superuser


@pytest.fixture
def subject() -> Service:
    return SERVICES["accounts"]


def lint(service: Service, database: Address) -> set[Opinion]:
    """Return what pgrls finds."""
    violations = _run("lint", database)["violations"]
    found = {(one["rule_id"], one["location"], one["message"]) for one in violations}
    # Roles belong to the cluster, in which other services and other tests have theirs.
    return {one for one in found if one[0] != "SEC016" or one[1] == service.roles.admin}


def leaks(database: Address) -> list[tuple[str, str]]:
    """Return the tables of which pgrls proves that they leak, by how."""
    return [
        (mode, one["table"])
        for mode in ("anon", "cross-tenant", "write")
        for one in _run("verify", database, "--mode", mode)["tables"]
        if one["verdict"] == "leak"
    ]


def _run(command: str, database: Address, *options: str) -> dict[str, list[dict[str, str]]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    # The parts of the address are in the environment; libpq fills them in where the URL is silent.
    environment |= database.libpq_environment()
    done = subprocess.run(
        [PGRLS, command, "--database-url", "postgresql://", "--format", "json", *options],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.startswith("{"), done.stderr
    document: dict[str, list[dict[str, str]]] = json.loads(done.stdout)
    return document


def explanation(opinion: Opinion) -> Explained | None:
    rule, place, _ = opinion
    return next((one for one in EXPLAINED if one.rule == rule and re.fullmatch(one.place, place)), None)


_SEEN: dict[str, set[Opinion]] = {}


def healthy(service: Service, cluster: Cluster) -> set[Opinion]:
    """Return what pgrls says of a healthy service; it is asked once."""
    if service.name not in _SEEN:
        with cluster.scratch(service, {}, cluster.template(service, {})) as scratch:
            _SEEN[service.name] = lint(service, scratch.superuser)
    return _SEEN[service.name]


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda one: one.name)
def test_what_it_says_of_a_healthy_service_is_explained(service: Service, tenantry_cluster: Cluster) -> None:
    assert [one for one in sorted(healthy(service, tenantry_cluster)) if explanation(one) is None] == []


@pytest.mark.timeout(240)
@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda one: one.name)
def test_it_proves_no_leak_of_a_healthy_service(service: Service, tenantry_cluster: Cluster) -> None:
    """What it can decide at all: most of our policies it calls unverified, as it does those of everybody."""
    with tenantry_cluster.scratch(service, {}, tenantry_cluster.template(service, {})) as scratch:
        assert leaks(scratch.superuser) == []


@pytest.mark.timeout(240)
def test_every_explanation_is_still_needed(tenantry_cluster: Cluster) -> None:
    """One for what is no longer reported would hide it when it comes back in another place."""
    said = set[Opinion]().union(*(healthy(service, tenantry_cluster) for service in SERVICES.values()))
    used = {explanation(one) for one in said}
    assert [one for one in EXPLAINED if one not in used] == []


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", SABOTAGES)
async def test_what_it_finds_in_a_sabotaged_schema_our_audit_finds_too(
    name: str, subject: Service, database: Address, tenantry_cluster: Cluster
) -> None:
    before = healthy(subject, tenantry_cluster)
    url = database.url.get_secret_value()
    assert {one.code for one in (await inspect_address(subject, url)).findings} <= {"TN701"}
    async with connected(database) as superuser:
        await superuser.execute(SABOTAGES[name])
    theirs = lint(subject, database) - before
    ours = [one for one in (await inspect_address(subject, url)).findings if one.code != "TN701"]
    assert ours, f"our audit is silent; pgrls says {sorted(theirs)}"
    # Without this, a sabotage that pgrls is blind to would look like an agreement.
    assert bool(theirs) is (name not in UNSEEN), sorted(theirs)
