-- Privileges besides those on tables. No statement takes a lock above ACCESS SHARE.

-- name: schemas
-- Which schemas each of the roles $1 may use and create objects in, and in which PUBLIC may create objects.
SELECT n.nspname::text AS schema, r.rolname::text AS role,
       has_schema_privilege(r.oid, n.oid, 'USAGE') AS is_usable,
       has_schema_privilege(r.oid, n.oid, 'CREATE') AS is_writable,
       EXISTS (SELECT FROM aclexplode(n.nspacl) AS item WHERE item.grantee = 0 AND item.privilege_type = 'CREATE')
           AS is_public
FROM pg_namespace AS n
CROSS JOIN pg_roles AS r
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND r.rolname = ANY ($1::text[]);

-- name: default_privileges
-- Default privileges of the role $1 and of PUBLIC, without those of a new server.
SELECT maker.rolname::text AS maker, coalesce(n.nspname::text, '') AS schema, coalesce(g.rolname::text, 'public') AS role,
       CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
                            WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END AS kind,
       array_agg(DISTINCT item.privilege_type) AS privileges
FROM pg_default_acl AS d
JOIN pg_roles AS maker ON maker.oid = d.defaclrole
LEFT JOIN pg_namespace AS n ON n.oid = d.defaclnamespace
CROSS JOIN aclexplode(d.defaclacl) AS item
LEFT JOIN pg_roles AS g ON g.oid = item.grantee
WHERE (item.grantee = 0 OR g.rolname = $1)
  AND NOT EXISTS (SELECT FROM aclexplode(acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END,
                                                    d.defaclrole)) AS usual
                  WHERE usual.grantee = item.grantee AND usual.privilege_type = item.privilege_type)
GROUP BY maker.rolname, n.nspname, g.rolname, d.defaclobjtype;

-- name: database_grants
-- Privileges of the role $1 and of PUBLIC on this database.
SELECT d.datname::text AS database, coalesce(g.rolname::text, 'public') AS role, item.privilege_type AS privilege
FROM pg_database AS d
CROSS JOIN aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS item
LEFT JOIN pg_roles AS g ON g.oid = item.grantee
WHERE d.datname = current_database() AND (item.grantee = 0 OR g.rolname = $1);

-- name: owned
-- Objects of this database that the role $1 owns, and the database itself if it owns it.
SELECT o.type AS kind, o.identity AS name
FROM pg_shdepend AS d
JOIN pg_roles AS r ON r.oid = d.refobjid
JOIN pg_database AS here ON here.datname = current_database()
CROSS JOIN pg_identify_object(d.classid, d.objid, d.objsubid) AS o
WHERE d.refclassid = 'pg_authid'::regclass AND d.deptype = 'o' AND r.rolname = $1
  AND (d.dbid = here.oid OR d.classid = 'pg_database'::regclass AND d.objid = here.oid)
  AND o.identity IS NOT NULL AND (o.schema IS NULL OR o.schema !~ '^pg_');

-- name: catalog_grants
-- Privileges of the role $1 and of PUBLIC on the system's tables, columns and functions, without those of a new server.
WITH item AS (
    SELECT 'TABLE' AS kind, c.oid, 'pg_class'::regclass::oid AS class, 0 AS part, '' AS "column", c.relacl AS acl,
           acldefault('r', c.relowner) AS usual
    FROM pg_class AS c
    WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relacl IS NOT NULL
    UNION ALL
    SELECT 'TABLE', c.oid, 'pg_class'::regclass, a.attnum, a.attname::text, a.attacl, acldefault('c', c.relowner)
    FROM pg_attribute AS a
    JOIN pg_class AS c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'pg_catalog'::regnamespace AND a.attacl IS NOT NULL
    UNION ALL
    SELECT 'FUNCTION', p.oid, 'pg_proc'::regclass, 0, '', p.proacl, acldefault('f', p.proowner)
    FROM pg_proc AS p
    WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proacl IS NOT NULL
      AND NOT EXISTS (SELECT FROM pg_depend AS d
                      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
)
SELECT item.kind, item."column",
       o.identity AS name,
       coalesce(g.rolname::text, 'public') AS role,
       array_agg(DISTINCT given.privilege_type) AS privileges
FROM item
CROSS JOIN aclexplode(item.acl) AS given
LEFT JOIN pg_roles AS g ON g.oid = given.grantee
LEFT JOIN pg_init_privs AS i ON i.objoid = item.oid AND i.classoid = item.class AND i.objsubid = item.part
CROSS JOIN pg_identify_object(item.class, item.oid, 0) AS o
WHERE (given.grantee = 0 OR g.rolname = $1)
  AND NOT EXISTS (SELECT FROM aclexplode(coalesce(i.initprivs, item.usual)) AS usual
                  WHERE usual.grantee IN (0, given.grantee) AND usual.privilege_type = given.privilege_type)
GROUP BY item.kind, item."column", o.identity, g.rolname;

-- name: parameter_grants
-- Superusers' parameters that the role $1 or PUBLIC may set.
SELECT a.parname AS name, coalesce(g.rolname::text, 'public') AS role,
       array_agg(DISTINCT item.privilege_type) AS privileges
FROM pg_parameter_acl AS a
CROSS JOIN aclexplode(a.paracl) AS item
LEFT JOIN pg_roles AS g ON g.oid = item.grantee
WHERE item.grantee = 0 OR g.rolname = $1
GROUP BY a.parname, g.rolname;
