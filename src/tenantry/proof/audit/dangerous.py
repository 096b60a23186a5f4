"""Extensions, settings and functions of the server that are known to be dangerous where tenants share a database."""

from __future__ import annotations

__all__ = ["DANGEROUS_EXTENSIONS", "DANGEROUS_SETTINGS", "LEAKING_FUNCTIONS", "PRELOADS"]

# Each with what it does; the texts continue "The extension ...".
DANGEROUS_EXTENSIONS = {
    **dict.fromkeys(("dblink", "postgres_fdw"), "can log in to other databases and to this one, as another role"),
    **dict.fromkeys(
        ("mysql_fdw", "oracle_fdw", "tds_fdw", "multicorn", "mongo_fdw", "redis_fdw"), "can connect to other servers"
    ),
    **dict.fromkeys(("http", "pg_net", "pgsql_http"), "can send rows to any address"),
    **dict.fromkeys(("file_fdw", "adminpack"), "can read and write the server's files"),
    **dict.fromkeys(
        ("pageinspect", "pg_surgery", "pg_walinspect", "pg_dirtyread"), "reads pages, to which no policy applies"
    ),
    **dict.fromkeys(("pg_cron", "pg_background"), "runs statements in its own sessions"),
    **dict.fromkeys(
        ("plpython3u", "plpython2u", "plpythonu", "plperlu", "pltclu", "plsh", "plrust", "pljava", "plr"),
        "adds a language whose functions have all rights of the server's operating system account",
    ),
}

# Each with its effect where it differs from the value that the server was built with.
DANGEROUS_SETTINGS = {
    "allow_system_table_mods": "the system's catalog can be altered",
    "lo_compat_privileges": "every role reads and writes every large object",
    "session_replication_role": "triggers and foreign keys do not fire",
    "row_security": "statements that a policy would filter fail instead",
}

PRELOADS = frozenset({"session_preload_libraries", "local_preload_libraries", "jit_provider", "dynamic_library_path"})

# Functions of operators that are often marked LEAKPROOF, because an index cannot serve them before a policy otherwise.
# They reveal their arguments by an error or by the time that they take.
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
