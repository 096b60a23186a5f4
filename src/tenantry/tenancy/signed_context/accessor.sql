-- The database's half of the signed tenant context.

-- name: accessor
-- The body of the accessor, with {setting} for the setting's name and {keys} for the table of keys.
DECLARE
    bound text := current_setting({setting}, true);
    -- What was signed is tenant|expiry|key id. It is read from the right, for a tenant may hold the separator.
    signed text;
    key_id text;
    expiry text;
    inner_block bytea;
    outer_block bytea;
    code text;
BEGIN
    IF bound IS NULL OR bound = '' THEN
        RETURN NULL;
    END IF;
    signed := left(bound, -65);
    key_id := split_part(signed, '|', -1);
    SELECT k.inner_block, k.outer_block INTO inner_block, outer_block FROM {keys} AS k WHERE k.id = key_id;
    IF inner_block IS NULL THEN
        RAISE EXCEPTION 'The tenant context is refused.'
        USING ERRCODE = 'insufficient_privilege', DETAIL = 'It names no key of this database, or was never signed.';
    END IF;
    code := encode(sha256(outer_block || sha256(inner_block || convert_to(signed, 'UTF8'))), 'hex');
    -- Numbers are compared first, so that the time of a comparison does not tell how much of a guess was right.
    IF hashtextextended(code, 0) <> hashtextextended(right(bound, 64), 0) OR code <> right(bound, 64) THEN
        RAISE EXCEPTION 'The tenant context is refused.'
        USING ERRCODE = 'insufficient_privilege', DETAIL = 'Its signature is not that of the key.';
    END IF;
    expiry := split_part(signed, '|', -2);
    -- The transaction's begin counts, not the clock: a statement late in a long transaction keeps its tenant.
    IF transaction_timestamp() > to_timestamp(expiry::double precision) THEN
        RAISE EXCEPTION 'The tenant context is refused.'
        USING ERRCODE = 'insufficient_privilege', DETAIL = 'It expired before this transaction began.';
    END IF;
    RETURN left(signed, -2 - length(expiry) - length(key_id));
END

-- name: server
-- Where the text of a statement can be read by another session of the same role: how many bytes of it
-- pg_stat_activity shows, and whether an extension records the statements of utilities. And whether the accessor is
-- there, so that a value can be tried.
SELECT (SELECT setting::integer FROM pg_settings WHERE name = 'track_activity_query_size') AS shown,
       EXISTS (SELECT FROM pg_settings
               WHERE name IN ('pg_stat_statements.max', 'pg_stat_monitor.pgsm_max')) AS is_recording,
       to_regprocedure($1) IS NOT NULL AS is_migrated;
