"""Settings with which a session of a role or of the database begins (ALTER ROLE ... SET, ALTER DATABASE ... SET)."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.proof.audit.dangerous import DANGEROUS_SETTINGS, PRELOADS
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Row, Snapshot
from tenantry.sql import identifier
from tenantry.tenancy.declarations import tenancy_of

_IDENTITIES = frozenset({"role", "session_authorization"})

# Each has its own rule.
_APART = _IDENTITIES | PRELOADS | {"row_security", "search_path"}


@rule(
    "TN318",
    "error",
    reason="A session that has set no tenant reads and writes the rows of the preset tenant.",
    remedy="Reset the setting.",
)
def tenant_preset(snapshot: Snapshot) -> Iterator[Violation]:
    """No role and no database presets the tenant's setting."""
    setting = _tenant_setting(snapshot)
    for row in snapshot.facts["presets"]:
        if row["name"] == setting:
            message = f"{setting} is preset: a session that has set no tenant reads one tenant's rows."
            yield violation(_object(row), message, _reset(row))


@rule(
    "TN319",
    "error",
    reason="The application's sessions begin as another role.",
    remedy="Reset the setting.",
)
def role_preset(snapshot: Snapshot) -> Iterator[Violation]:
    """No role and no database presets `role` or `session_authorization`."""
    # A login that becomes the application may be preset to it.
    own = (snapshot.login, snapshot.service.roles.application)
    for row in _presets(snapshot):
        if row["name"] in _IDENTITIES and (row["role"], row["value"]) != own:
            yield _preset(row, "the session begins with the rights of another role")


@rule(
    "TN320",
    "warning",
    reason="With `off` a statement that a policy would filter fails instead.",
    remedy="Reset the setting.",
)
def row_security_preset(snapshot: Snapshot) -> Iterator[Violation]:
    """No role and no database presets `row_security`."""
    for row in _presets(snapshot):
        if row["name"] == "row_security":
            yield _preset(row, DANGEROUS_SETTINGS[row["name"]])


@rule(
    "TN321",
    "error",
    reason="PostgreSQL finds the objects of that schema before those that the code names.",
    remedy="Reset `search_path`, or name `pg_catalog` and the service's schemas first.",
)
def search_path_preset(snapshot: Snapshot) -> Iterator[Violation]:
    """No preset search path begins with a schema in which the application may create objects."""
    for row in _presets(snapshot):
        if row["name"] == "search_path" and (schema := _open_schema(row["value"], snapshot)):
            application = snapshot.service.roles.application
            yield _preset(row, f"{application} may create objects in {schema}, which PostgreSQL finds first")


@rule(
    "TN322",
    "warning",
    reason="The library's code runs in every session, before the first statement.",
    remedy="Reset the setting, or set it for the whole server, where every administrator sees it.",
)
def preload_preset(snapshot: Snapshot) -> Iterator[Violation]:
    """No role and no database presets a library to load."""
    for row in _presets(snapshot):
        if row["name"] in PRELOADS and row["value"]:
            yield _preset(row, "the library's code runs in every session")


@rule(
    "TN323",
    "error",
    reason="`session_replication_role` switches triggers and foreign keys off; `lo_compat_privileges` switches the "
    "privileges of large objects off.",
    remedy="Reset the setting.",
)
def unsafe_preset(snapshot: Snapshot) -> Iterator[Violation]:
    """No preset switches a protection off."""
    for row in _presets(snapshot):
        if row["name"] in DANGEROUS_SETTINGS and row["name"] not in _APART:
            yield _preset(row, DANGEROUS_SETTINGS[row["name"]])


def _tenant_setting(snapshot: Snapshot) -> str:
    return tenancy_of(snapshot.service.metadata).setting.lower()


def _presets(snapshot: Snapshot) -> Iterator[Row]:
    """Yield the presets of the service's roles, its login, the database and all roles, but the tenant's setting."""
    roles, setting = snapshot.service.roles, _tenant_setting(snapshot)
    watched = {"", roles.owner, roles.application, roles.admin, snapshot.login}
    for row in snapshot.facts["presets"]:
        if row["role"] in watched and row["name"] != setting:
            yield row


def _preset(row: Row, effect: str) -> Violation:
    return violation(_object(row), f"{row['name']} is preset to {row['value'] or 'nothing'}: {effect}.", _reset(row))


def _open_schema(path: str, snapshot: Snapshot) -> str:
    """Return the first schema of a path that the application may create in, '' if pg_catalog comes before it."""
    application = snapshot.service.roles.application
    open_schemas = {
        row["schema"] for row in snapshot.facts["schemas"] if row["role"] == application and row["is_writable"]
    } | {"pg_temp"}
    for part in path.split(","):
        name = part.strip().strip('"')
        name = application if name == "$user" else name
        if name == "pg_catalog":
            return ""
        if name in open_schemas:
            return name
    return ""


def _reset(row: Row) -> str:
    within = f" IN DATABASE {identifier(row['database'])}" if row["database"] else ""
    if row["role"]:
        return f"ALTER ROLE {identifier(row['role'])}{within} RESET {row['name']}"
    if row["database"]:
        return f"ALTER DATABASE {identifier(row['database'])} RESET {row['name']}"
    return f"ALTER ROLE ALL RESET {row['name']}"


def _object(row: Row) -> str:
    if row["role"]:
        return f"role {row['role']}"
    return f"database {row['database']}" if row["database"] else "all roles"
