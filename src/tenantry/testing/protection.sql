-- name: tables
-- The tables of the schemas $1 and the names $2, with their partitions and heirs, which have row security of their own.
WITH RECURSIVE reached AS (
    SELECT to_regclass(format('%I.%I', t.schema, t.name))::oid AS oid, t.schema, t.name
    FROM unnest($1::name[], $2::name[]) AS t (schema, name)
    UNION
    SELECT c.oid, n.nspname, c.relname
    FROM reached
    JOIN pg_inherits AS i ON i.inhparent = reached.oid
    JOIN pg_class AS c ON c.oid = i.inhrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
)
SELECT r.schema::text, r.name::text, c.oid IS NOT NULL AS exists, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced
FROM reached AS r
LEFT JOIN pg_class AS c ON c.oid = r.oid
ORDER BY r.schema, r.name;

-- name: roles
-- The roles $1 that exist, with their attributes and the roles that they are members of.
SELECT r.rolname::text AS name,
       array_remove(ARRAY[CASE WHEN r.rolsuper THEN 'SUPERUSER' END, CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END,
                          CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END, CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
                          CASE WHEN r.rolreplication THEN 'REPLICATION' END, CASE WHEN r.rolcanlogin THEN 'LOGIN' END],
                    NULL) AS attributes,
       ARRAY(SELECT g.rolname::text FROM pg_auth_members AS m JOIN pg_roles AS g ON g.oid = m.roleid
             WHERE m.member = r.oid ORDER BY g.rolname) AS memberships
FROM pg_roles AS r
WHERE r.rolname = ANY ($1::text[]);
