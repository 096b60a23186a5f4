"""Settings that a session begins with, before it says anything: for a role, for the database, for the whole server."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.proof.audit.finding import Draft, draft
from tenantry.proof.audit.snapshot import Row, Snapshot
from tenantry.proof.audit.suspects import DANGEROUS_SETTINGS, PRELOADS
from tenantry.sql import identifier
from tenantry.tenancy.declarations import tenancy_of

__all__ = ["check_presets"]

_IDENTITIES = frozenset({"role", "session_authorization"})


def check_presets(snapshot: Snapshot) -> Iterator[Draft]:
    """Yield the presets by which a session begins with a tenant, with other rights, or with less protection."""
    setting = tenancy_of(snapshot.service.metadata).setting.lower()
    roles = snapshot.service.roles
    ours = {"", roles.owner, roles.application, roles.admin, snapshot.login}
    for row in snapshot.facts["presets"]:
        name = row["name"]
        if name == setting:
            message = f"{setting} is preset: a session without a tenant would read one tenant's rows."
            yield draft("tenant_preset", _object(row), message, _reset(row))
        elif row["role"] in ours:
            yield from _judge(row, snapshot)
    for row in snapshot.facts["server_settings"]:
        message = f"{row['name']} is {row['value']} for every session: {DANGEROUS_SETTINGS[row['name']]}."
        remedy = f"ALTER SYSTEM RESET {row['name']}"
        yield draft("server_setting", f"server setting {row['name']}", message, remedy)


def _judge(row: Row, snapshot: Snapshot) -> Iterator[Draft]:
    name, value = row["name"], row["value"]
    said = f"{name} is preset to {value or 'nothing'}"
    # Whoever becomes the application by its login is meant to; the application itself begins as itself.
    if name in _IDENTITIES and not _is_own_role(row, snapshot):
        message = f"{said}: the session begins with the rights of another role."
        yield draft("role_preset", _object(row), message, _reset(row))
    elif name == "row_security":
        message = f"{said}: {DANGEROUS_SETTINGS[name]}."
        yield draft("row_security_preset", _object(row), message, _reset(row))
    elif name in PRELOADS and value:
        message = f"{said}: code of the library runs in every session."
        yield draft("preload_preset", _object(row), message, _reset(row))
    elif name in DANGEROUS_SETTINGS:
        message = f"{said}: {DANGEROUS_SETTINGS[name]}."
        yield draft("unsafe_preset", _object(row), message, _reset(row))
    elif name == "search_path" and (schema := _open_schema(value, snapshot)):
        message = f"{said}: {snapshot.service.roles.application} may create in {schema}, whose names are found first."
        yield draft("search_path_preset", _object(row), message, _reset(row))


def _is_own_role(row: Row, snapshot: Snapshot) -> bool:
    pair: tuple[str, str] = (row["role"], row["value"])
    return pair == (snapshot.login, snapshot.service.roles.application)


def _open_schema(path: str, snapshot: Snapshot) -> str:
    """Return the first schema of a path that the application may create in, '' if pg_catalog stands before it."""
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
