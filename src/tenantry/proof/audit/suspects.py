"""Names that are known to be trouble: extensions, settings, functions of the server that tell what they are given."""

from __future__ import annotations

__all__ = ["DANGEROUS_EXTENSIONS", "DANGEROUS_SETTINGS", "LEAKING_FUNCTIONS", "PRELOADS"]

# What each leads to.
DANGEROUS_EXTENSIONS = {
    **dict.fromkeys(("dblink", "postgres_fdw"), "logs in to databases, this one included, as somebody else"),
    **dict.fromkeys(
        ("mysql_fdw", "oracle_fdw", "tds_fdw", "multicorn", "mongo_fdw", "redis_fdw"), "reaches other servers"
    ),
    **dict.fromkeys(("http", "pg_net", "pgsql_http"), "sends rows to any address"),
    **dict.fromkeys(("file_fdw", "adminpack"), "reads and writes the server's files"),
    **dict.fromkeys(("pageinspect", "pg_surgery", "pg_walinspect", "pg_dirtyread"), "reads pages past every policy"),
    **dict.fromkeys(("pg_cron", "pg_background"), "runs statements in sessions of its own"),
    **dict.fromkeys(
        ("plpython3u", "plpython2u", "plpythonu", "plperlu", "pltclu", "plsh", "plrust", "pljava", "plr"),
        "brings a language that does what the server's account may do",
    ),
}

# Each switches a protection off where it is not as the server was built.
DANGEROUS_SETTINGS = {
    "allow_system_table_mods": "the system's catalog can be altered",
    "lo_compat_privileges": "every role reads and writes every large object",
    "session_replication_role": "triggers and foreign keys do not fire",
    "row_security": "statements that a policy would filter fail instead",
}

PRELOADS = frozenset({"session_preload_libraries", "local_preload_libraries", "jit_provider", "dynamic_library_path"})

# Functions behind the operators that people wish were leakproof, because an index cannot serve them ahead of a policy
# otherwise. They tell their arguments, by an error or by the time they take.
LEAKING_FUNCTIONS = frozenset(
    {
        *("textlike", "textnlike", "texticlike", "texticnlike", "textregexeq", "texticregexeq", "like", "notlike"),
        *(
            "bpcharlike",
            "bpchariclike",
            "bpcharregexeq",
            "namelike",
            "regexp_like",
            "regexp_match",
            "similar_to_escape",
        ),
        *("lower", "upper", "strpos", "position", "substr", "textcat", "to_tsvector", "to_tsquery"),
        *("numeric_eq", "numeric_lt", "numeric_gt", "numeric_cmp", "numeric_div", "int4div", "int8div", "int2div"),
        *("enum_eq", "enum_lt", "enum_cmp", "jsonb_eq", "jsonb_contains", "jsonb_contained", "jsonb_exists"),
        *("jsonb_object_field_text", "jsonb_path_exists_opr", "jsonb_path_match_opr"),
        *("array_eq", "arraycontains", "arrayoverlap", "arraycontained", "ts_match_vq", "ts_match_qv", "ts_match_tt"),
        *("range_contains", "range_overlaps", "float8div", "int4in", "texttoxml"),
    }
)
