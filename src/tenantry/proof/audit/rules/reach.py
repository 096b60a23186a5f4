"""TN6xx: what shows or sends rows besides the declared tables. TN7xx: the server itself."""

from __future__ import annotations

from tenantry.proof.audit.rules.rule import Rule

__all__ = ["REACH", "SERVER"]

REACH = (
    Rule(
        "TN601",
        "view_open",
        "error",
        "A view that the application can read has security_invoker.",
        "A view without it reads with the rights of its owner, and shows the rows of all tenants.",
        "Set security_invoker on the view.",
    ),
    Rule(
        "TN602",
        "materialized_view_open",
        "error",
        "The application can read no materialized view.",
        "It holds the rows of all tenants, and can have no policy.",
        "Revoke every privilege on it.",
    ),
    Rule(
        "TN603",
        "foreign_table_open",
        "error",
        "The application can reach no foreign table.",
        "It shows what another server shows to the login of its mapping, and can have no policy.",
        "Revoke every privilege on it.",
    ),
    Rule(
        "TN604",
        "view_undeclared",
        "info",
        "The schema holds no views that nobody declared; a declared grant on a view declares it.",
        "Nobody looked at what it joins, and the next GRANT opens it.",
        "Declare its grant in the service's `declared_objects`, or move it to a schema of its own.",
    ),
    Rule(
        "TN605",
        "publication_open",
        "warning",
        "No publication carries tables of tenants.",
        "Whoever subscribes is sent the rows of all tenants: policies do not hold what is sent.",
        "Take the tables out of the publication, or drop it.",
    ),
    Rule(
        "TN606",
        "logical_slot",
        "warning",
        "No logical replication slot decodes this database.",
        "Whoever reads the slot is given every change of every tenant.",
        "Drop the slot.",
    ),
    Rule(
        "TN607",
        "subscription",
        "warning",
        "Nothing is replicated into this database by subscription.",
        "Its worker writes rows past the policies, for whatever tenant the other server says.",
        "Drop the subscription.",
    ),
    Rule(
        "TN608",
        "large_objects",
        "warning",
        "There are no large objects.",
        "A large object belongs to a role and not to a tenant; one that the application may read is an error.",
        "Keep the bytes in a column of a tenant table, and unlink the object.",
    ),
    Rule(
        "TN609",
        "foreign_server_usable",
        "error",
        "The application may use no foreign server and no foreign-data wrapper, and has no user mapping.",
        "It makes foreign tables that log in elsewhere, perhaps to this very database, as somebody else.",
        "Revoke USAGE, and drop the user mapping.",
    ),
)

SERVER = (
    Rule(
        "TN701",
        "server_outdated",
        "warning",
        "The server has the fixes of known holes in row security.",
        "The finding names the CVEs that are open.",
        "Update to the minor release that it names.",
    ),
    Rule(
        "TN702",
        "server_setting",
        "warning",
        "The server's configuration switches no protection off.",
        "`session_replication_role` switches triggers and foreign keys off, `row_security` filtering, "
        "`lo_compat_privileges` the privileges of large objects, `allow_system_table_mods` those of the catalog.",
        "Reset the setting, and reload the configuration.",
    ),
)
