-- Ways to read or send rows besides tables and views. No statement takes a lock above ACCESS SHARE.

-- name: publications
-- Publications with their tables.
SELECT p.pubname::text AS name, p.puballtables AS is_all,
       array_agg(t.schemaname || '.' || t.tablename) AS tables
FROM pg_publication AS p
JOIN pg_publication_tables AS t ON t.pubname = p.pubname
GROUP BY p.pubname, p.puballtables;

-- name: logical_slots
-- Replication slots that decode this database.
SELECT slot_name::text AS name, plugin::text AS plugin
FROM pg_replication_slots
WHERE slot_type = 'logical' AND database = current_database();

-- name: subscriptions
-- Subscriptions of this database.
SELECT s.subname::text AS name
FROM pg_subscription AS s
JOIN pg_database AS d ON d.oid = s.subdbid
WHERE d.datname = current_database();

-- name: large_objects
-- How many large objects there are, and how many of them the role $1 may read.
SELECT count(*) AS found,
       count(*) FILTER (WHERE owner.rolname = $1
                           OR EXISTS (SELECT FROM aclexplode(o.lomacl) AS item
                                      LEFT JOIN pg_roles AS g ON g.oid = item.grantee
                                      WHERE item.grantee = 0 OR g.rolname = $1)) AS open
FROM pg_largeobject_metadata AS o
LEFT JOIN pg_roles AS owner ON owner.oid = o.lomowner;

-- name: foreign_access
-- Foreign servers and foreign-data wrappers that the role $1 may use, and the user mappings that apply to it.
SELECT 'FOREIGN SERVER' AS kind, s.srvname::text AS name
FROM pg_foreign_server AS s
JOIN pg_roles AS app ON app.rolname = $1
WHERE has_server_privilege(app.oid, s.oid, 'USAGE')
UNION ALL
SELECT 'FOREIGN DATA WRAPPER', w.fdwname::text
FROM pg_foreign_data_wrapper AS w
JOIN pg_roles AS app ON app.rolname = $1
WHERE has_foreign_data_wrapper_privilege(app.oid, w.oid, 'USAGE')
UNION ALL
SELECT CASE m.usename WHEN 'public' THEN 'MAPPING FOR ALL' ELSE 'MAPPING' END, m.srvname::text
FROM pg_user_mappings AS m
WHERE m.usename IN ('public', $1);
