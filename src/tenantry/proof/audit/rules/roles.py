"""TN3xx: extensions and languages, roles and what is set for them."""

from __future__ import annotations

from tenantry.proof.audit.rules.rule import Rule

__all__ = ["ROLES"]

ROLES = (
    Rule(
        "TN301",
        "extension_missing",
        "error",
        "Every declared extension is installed.",
        "Types or functions that the models need are not there.",
        "Create the extension.",
    ),
    Rule(
        "TN302",
        "extension_undeclared",
        "info",
        "No other extension is installed.",
        "Its functions are code that nobody looked at; PUBLIC may call most of them.",
        "Add it to the service's `extensions`, or drop it.",
    ),
    Rule(
        "TN303",
        "extension_dangerous",
        "error",
        "No extension is installed that leads out of the database or past its policies.",
        "`dblink` and `postgres_fdw` log in anew, perhaps as a superuser; others read files, pages or other languages' "
        "worlds.",
        "Drop the extension; a declared one is a warning.",
    ),
    Rule(
        "TN304",
        "language_untrusted",
        "error",
        "No untrusted language is installed.",
        "Functions in it do what the server's operating system account may do.",
        "Drop the language, or the extension that brought it.",
    ),
    Rule(
        "TN311",
        "role_missing",
        "error",
        "The service's three roles exist.",
        "Nobody can log in as it, or migrations cannot grant to it.",
        "Create the role; `tenantry prepare` does.",
    ),
    Rule(
        "TN312",
        "role_superuser",
        "error",
        "None of them is a superuser.",
        "No policy holds a superuser, and it may read files and run programs.",
        "Alter the role to NOSUPERUSER.",
    ),
    Rule(
        "TN313",
        "role_bypasses_rls",
        "error",
        "Row security holds the application and the owner.",
        "Every statement of the role sees the rows of all tenants.",
        "Alter the role to NOBYPASSRLS.",
    ),
    Rule(
        "TN314",
        "role_membership",
        "error",
        "The application is a member of no other role, directly or not.",
        "By SET ROLE, or by inheritance, it has that role's rights: the owner's switch row security off, the admin's "
        "and `pg_read_all_data` read on.",
        "Revoke the membership.",
    ),
    Rule(
        "TN315",
        "admin_held",
        "error",
        "The admin role has BYPASSRLS: without it, it sees no row.",
        "Work across tenants does nothing, and says nothing.",
        "Alter the role to BYPASSRLS.",
    ),
    Rule(
        "TN316",
        "owner_logs_in",
        "warning",
        "Nobody logs in as the owner.",
        "A password more that switches row security off.",
        "Alter the role to NOLOGIN, and let a deploy's login become it by SET ROLE.",
    ),
    Rule(
        "TN317",
        "role_attribute",
        "warning",
        "The application may not make roles or databases, nor replicate.",
        "CREATEROLE makes itself a member of other roles, REPLICATION reads every row from the log: both are errors.",
        "Take the attribute away.",
    ),
    Rule(
        "TN318",
        "tenant_preset",
        "error",
        "No role and no database has the tenant's setting preset.",
        "A session that bound no tenant reads and writes one tenant's rows.",
        "Reset the setting.",
    ),
    Rule(
        "TN319",
        "role_preset",
        "error",
        "No role and no database has `role` or `session_authorization` preset.",
        "The sessions of the application begin as somebody else.",
        "Reset the setting.",
    ),
    Rule(
        "TN320",
        "row_security_preset",
        "warning",
        "No role and no database has `row_security` preset.",
        "With `off` a statement that a policy would filter fails, and the admin's way of asking for that is lost.",
        "Reset the setting.",
    ),
    Rule(
        "TN321",
        "search_path_preset",
        "error",
        "No search path is preset that begins with a schema in which the application may create.",
        "What somebody puts there is found before what the code means.",
        "Reset `search_path`, or put `pg_catalog` and the schemas of the service first.",
    ),
    Rule(
        "TN322",
        "preload_preset",
        "warning",
        "No library is loaded into the sessions of a role or of the database.",
        "Code of the library runs in every session, before the first statement.",
        "Reset the setting, or set it for the whole server where everybody sees it.",
    ),
    Rule(
        "TN323",
        "unsafe_preset",
        "error",
        "No preset switches a protection off.",
        "`session_replication_role` switches triggers and foreign keys off, `lo_compat_privileges` the privileges of "
        "large objects.",
        "Reset the setting.",
    ),
    Rule(
        "TN324",
        "login_escapes",
        "warning",
        "The login behind the application can become nobody but the application.",
        "Whoever runs SQL in the application's place says RESET ROLE, and SET ROLE to the owner or the admin.",
        "Let the application log in as its own role: give it an address of its own.",
    ),
)
