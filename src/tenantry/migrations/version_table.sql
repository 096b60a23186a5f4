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
