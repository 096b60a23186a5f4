-- What the operations on roles and extensions look at, and the blocks that stand for them in a script (offline mode).

-- name: role_standing
-- A role's comment, and how many objects anywhere in the cluster depend on it.
SELECT shobj_description(r.oid, 'pg_authid') AS comment,
       (SELECT count(*) FROM pg_shdepend AS d
        WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid) AS dependents,
       current_database()::text AS database
FROM pg_roles AS r
WHERE r.rolname = $1;

-- name: extension_standing
-- Whether an extension is installed in this database, and whether the server has its files.
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = $1) AS is_installed,
       EXISTS (SELECT FROM pg_available_extensions WHERE name = $1) AS is_available,
       current_setting('server_version_num')::integer / 10000 AS major;

-- name: schema_standing
-- A schema's comment, and whether the role may create and grant in it; no row if it does not exist.
SELECT obj_description(oid, 'pg_namespace') AS comment,
       has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE WITH GRANT OPTION') AS is_usable
FROM pg_namespace WHERE nspname = $1;

-- name: create_schema_block
-- Offline: makes a schema where it is absent, and marks it as made by a migration.
DO $tenantry$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = {name}) THEN
        EXECUTE {statement};
        EXECUTE {comment};
    END IF;
END
$tenantry$;

-- name: drop_schema_block
-- Offline: drops a schema that a migration made and that is empty; without its mark, one that is not stays.
DO $tenantry$
BEGIN
    IF EXISTS (SELECT FROM pg_namespace
               WHERE nspname = {name} AND obj_description(oid, 'pg_namespace') = {mark}) THEN
        EXECUTE {statement};
    END IF;
EXCEPTION WHEN dependent_objects_still_exist THEN
    EXECUTE format('COMMENT ON SCHEMA %I IS NULL', {name});
END
$tenantry$;

-- name: create_role_block
-- Offline: makes a role where it is absent, and marks it as made by this database.
DO $tenantry$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {name}) THEN
        EXECUTE {statement};
        EXECUTE format('COMMENT ON ROLE %I IS %L', {name}, format({mark}, current_database()));
    END IF;
END
$tenantry$;

-- name: unshare_block
-- Offline: takes from a role what the environment gave it on the version table, as the owner.
DO $tenantry$
BEGIN
    IF to_regclass({table}) IS NOT NULL AND EXISTS (SELECT FROM pg_roles WHERE rolname = {name}) THEN
        EXECUTE format('REVOKE ALL ON TABLE %s FROM %I', {table}, {name});
    END IF;
END
$tenantry$;

-- name: drop_role_block
-- Offline: drops a role that this database made and that nothing depends on any more.
DO $tenantry$
BEGIN
    IF EXISTS (SELECT FROM pg_roles AS r
               WHERE r.rolname = {name}
                 AND shobj_description(r.oid, 'pg_authid') = format({mark}, current_database())
                 AND NOT EXISTS (SELECT FROM pg_shdepend AS d
                                 WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid)) THEN
        EXECUTE {statement};
    END IF;
END
$tenantry$;
