-- name: unshared_with
-- Which of the roles $1 exist and cannot read the version table $2, if there is one. In an order, for a dump shows the
-- order in which privileges were granted.
SELECT r.rolname::text AS role
FROM pg_roles AS r
JOIN pg_class AS c ON c.oid = to_regclass($2)
WHERE r.rolname = ANY ($1::text[]) AND NOT has_table_privilege(r.oid, c.oid, 'SELECT')
ORDER BY r.rolname;

-- name: share_block
-- Offline: lets the roles that exist by now read the version table.
DO $tenantry$
DECLARE
    role text;
BEGIN
    FOR role IN SELECT rolname FROM pg_roles WHERE rolname IN ({roles}) AND to_regclass({table}) IS NOT NULL
                ORDER BY rolname LOOP
        EXECUTE format('GRANT SELECT ON TABLE %s TO %I', {table}, role);
    END LOOP;
END
$tenantry$;

-- name: recordable
-- Whether the version table $1 exists, whether the role in force may alter it, and whether it has the column of the
-- checksums.
SELECT c.oid IS NOT NULL AS exists,
       coalesce(pg_has_role(current_user, c.relowner, 'USAGE'), false) AS is_alterable,
       EXISTS (SELECT FROM pg_attribute AS a
               WHERE a.attrelid = c.oid AND a.attname = 'checksums' AND NOT a.attisdropped) AS has_column
FROM (SELECT to_regclass($1) AS oid) AS named
LEFT JOIN pg_class AS c ON c.oid = named.oid;

-- name: add_column
-- A column, and not a table of its own: whatever knows Alembic's table leaves it alone.
ALTER TABLE {table} ADD COLUMN IF NOT EXISTS checksums jsonb;

-- name: record
-- Changes the checksums. With several heads each row has all of them, because a merge deletes rows.
UPDATE {table} SET checksums = coalesce(
    (SELECT jsonb_object_agg(e.key, e.value) FROM {table} AS v, jsonb_each(v.checksums) AS e), '{{}}'::jsonb
) {change};

-- name: recorded
-- The checksums, also where the column does not exist yet.
SELECT e.key, e.value
FROM {table} AS v, jsonb_each_text(nullif(to_jsonb(v) -> 'checksums', 'null'::jsonb)) AS e;

-- name: columns
-- The columns of the tables in the schemas $1.
SELECT n.nspname::text, c.relname::text, a.attname::text
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1::text[]) AND a.attnum > 0 AND NOT a.attisdropped;
