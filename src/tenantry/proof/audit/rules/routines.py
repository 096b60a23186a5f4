"""TN2xx: functions, triggers, rules and operators."""

from __future__ import annotations

from tenantry.proof.audit.rules.rule import Rule

__all__ = ["ROUTINES"]

ROUTINES = (
    Rule(
        "TN201",
        "function_missing",
        "error",
        "Every declared function exists.",
        "A lookup or a trigger that needs it fails.",
        "Create it as the models declare it.",
    ),
    Rule(
        "TN202",
        "function_altered",
        "error",
        "Every declared function is word for word what was declared.",
        "A lookup that returns more than a tenant and a key, or that more roles may call, reads past the policies.",
        "Replace it by the declared one.",
    ),
    Rule(
        "TN203",
        "function_undeclared",
        "info",
        "No other function is there, least of all a SECURITY DEFINER one.",
        "A SECURITY DEFINER function that the application may call reads and writes with its owner's rights, past what "
        "the policies say for the application: that is an error.",
        "Drop it, declare it, or make it SECURITY INVOKER.",
    ),
    Rule(
        "TN204",
        "trigger_missing",
        "error",
        "Every declared trigger exists.",
        "What it keeps right, such as `updated_at`, is wrong from now on.",
        "Create it as the models declare it.",
    ),
    Rule(
        "TN205",
        "trigger_altered",
        "error",
        "Every declared trigger is what was declared.",
        "It fires for other events, or runs another function.",
        "Drop it and create it as the models declare it.",
    ),
    Rule(
        "TN206",
        "trigger_disabled",
        "error",
        "Every declared trigger fires.",
        "What it keeps right, such as `updated_at`, is wrong from now on.",
        "Enable it.",
    ),
    Rule(
        "TN207",
        "trigger_undeclared",
        "warning",
        "No other trigger is on a declared table.",
        "Its function sees and changes every row that is written.",
        "Drop it, or declare it.",
    ),
    Rule(
        "TN208",
        "rule_undeclared",
        "warning",
        "No rewrite rule is on a declared table.",
        "A rule replaces a statement by others, which run with the rights of the table's owner.",
        "Drop it.",
    ),
    Rule(
        "TN209",
        "definer_unpinned",
        "warning",
        "Every SECURITY DEFINER function pins its `search_path`, and an undeclared one names `pg_temp` last in it.",
        "Its caller chooses the path, or makes temporary tables and types, which are found first where `pg_temp` is "
        "not named: the function uses them with its owner's rights.",
        "Set `search_path` on the function, with `pg_temp` at the end.",
    ),
    Rule(
        "TN210",
        "definer_to_public",
        "error",
        "No SECURITY DEFINER function may be called by PUBLIC.",
        "Every role of the cluster runs it with its owner's rights.",
        "Revoke EXECUTE from PUBLIC, which every new function has, and grant it by name.",
    ),
    Rule(
        "TN211",
        "leakproof_marked",
        "error",
        "No function is marked LEAKPROOF that is not so in a new server.",
        "The planner calls a leakproof function before the policies; what it tells in an error or by its time is about "
        "the rows of all tenants.",
        "Mark it NOT LEAKPROOF.",
    ),
    Rule(
        "TN212",
        "untrusted_function",
        "error",
        "The application may call no function of an untrusted language, except those of extensions.",
        "Such a function does what the server's operating system account may do: it reads the files with the rows.",
        "Drop it, or revoke EXECUTE.",
    ),
    Rule(
        "TN213",
        "trigger_privileged",
        "error",
        "No undeclared trigger runs with more rights than whoever writes.",
        "A trigger whose function is SECURITY DEFINER reads and writes rows of other tenants in a tenant's statement.",
        "Drop the trigger, or make its function SECURITY INVOKER.",
    ),
    Rule(
        "TN214",
        "event_trigger",
        "warning",
        "There is no event trigger.",
        "It runs in migrations, and one on `login` in every session, where it can bind a tenant.",
        "Drop it.",
    ),
    Rule(
        "TN215",
        "operator_undeclared",
        "warning",
        "There is no operator and no cast besides the server's and those of extensions.",
        "An operator for exactly the types of a comparison is taken before the server's: `tenant_id = 'a'` may then "
        "mean something else.",
        "Drop it, or move it to a schema that is on nobody's search path.",
    ),
)
