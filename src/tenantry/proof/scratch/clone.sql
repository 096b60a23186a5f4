-- The properties of a database that its scratch copy needs too.

-- name: source
-- The database $1: its owner, its size if the login may know it, its encoding and collation, and whether a session is
-- connected to it. The names of the locale's columns depend on the server's version.
SELECT pg_get_userbyid(d.datdba)::text AS owner,
       CASE WHEN has_database_privilege(d.oid, 'CONNECT') THEN pg_database_size(d.oid) END AS size,
       EXISTS (SELECT FROM pg_stat_activity AS a
               WHERE a.datid = d.oid AND coalesce(a.backend_type, 'client backend') = 'client backend') AS is_in_use,
       pg_encoding_to_char(d.encoding)::text AS encoding,
       d.datcollate::text AS collate,
       d.datctype::text AS ctype,
       row_to_json(d) ->> 'datlocprovider' AS provider,
       coalesce(row_to_json(d) ->> 'datlocale', row_to_json(d) ->> 'daticulocale') AS locale
FROM pg_database AS d
WHERE d.datname = $1;

-- name: grants
-- The privileges on the database $1, if they are not the default ones; '' is PUBLIC.
SELECT CASE item.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(item.grantee)::text END AS grantee,
       item.privilege_type AS privilege,
       item.is_grantable
FROM pg_database AS d
CROSS JOIN aclexplode(d.datacl) AS item
WHERE d.datname = $1 AND item.grantee <> d.datdba;

-- name: settings
-- The settings of sessions in the database $1, for all roles or for one.
SELECT coalesce(pg_get_userbyid(nullif(s.setrole, 0))::text, '') AS role, setting
FROM pg_db_role_setting AS s
JOIN pg_database AS d ON d.oid = s.setdatabase
CROSS JOIN unnest(s.setconfig) AS setting
WHERE d.datname = $1;
