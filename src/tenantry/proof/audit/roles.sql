-- Roles, and the settings with which their sessions begin. No statement takes a lock above ACCESS SHARE.

-- name: roles
-- The roles $1 with their attributes, and the roles that each is a member of, directly or indirectly.
SELECT r.rolname::text AS name, r.rolsuper AS is_superuser, r.rolbypassrls AS bypasses_rls, r.rolcanlogin AS can_login,
       array_remove(ARRAY[CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END, CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
                          CASE WHEN r.rolreplication THEN 'REPLICATION' END], NULL) AS attributes,
       ARRAY(SELECT other.rolname::text FROM pg_roles AS other
             WHERE other.oid <> r.oid AND NOT r.rolsuper AND pg_has_role(r.oid, other.oid, 'MEMBER')
             ORDER BY 1) AS member_of,
       ARRAY(SELECT granted.rolname::text FROM pg_auth_members AS m
             JOIN pg_roles AS granted ON granted.oid = m.roleid
             WHERE m.member = r.oid
             ORDER BY 1) AS granted
FROM pg_roles AS r
WHERE r.rolname = ANY ($1::text[]);

-- name: presets
-- Settings that sessions of this database begin with; the names are '' for all.
SELECT coalesce(r.rolname::text, '') AS role, coalesce(d.datname::text, '') AS database,
       lower(split_part(item, '=', 1)) AS name,
       substr(item, strpos(item, '=') + 1) AS value
FROM pg_db_role_setting AS s
CROSS JOIN unnest(s.setconfig) AS item
LEFT JOIN pg_roles AS r ON r.oid = s.setrole
LEFT JOIN pg_database AS d ON d.oid = s.setdatabase
WHERE s.setdatabase = 0 OR d.datname = current_database();

-- name: server_settings
-- Settings among $1 whose server-wide value differs from the one that the server was built with.
SELECT name, setting AS value
FROM pg_settings
WHERE name = ANY ($1::text[]) AND setting <> boot_val AND source NOT IN ('database', 'user', 'database user');
