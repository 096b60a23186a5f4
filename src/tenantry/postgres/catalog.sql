-- Reads of pg_catalog, each with the schema's name as $1 where it takes one. Nothing here takes a lock above ACCESS SHARE.
-- Whatever belongs to an extension is left out: its script made it and its update may change it.

-- name: with_search_path
-- Names a search path for the rest of the transaction; answers with the one that was in force.
SELECT current_setting('search_path') AS previous, set_config('search_path', $1, true);

-- name: roles
-- Every role of the cluster except the predefined ones and those that could not be ours.
SELECT rolname::text AS name, rolcanlogin AS login, rolbypassrls AS bypass_rls
FROM pg_roles
WHERE rolname !~ '^pg_' AND NOT rolsuper;

-- name: extensions
-- The extensions of this database, without the language that every database has.
SELECT extname::text AS name FROM pg_extension WHERE extname <> 'plpgsql';

-- name: schemas
-- The schema itself. Every database has public, so no migration creates it.
SELECT nspname::text AS name FROM pg_namespace WHERE nspname = $1 AND nspname <> 'public';

-- name: created_schemas
-- The schemas that a migration created, by the comment $1.
SELECT nspname::text AS name FROM pg_namespace WHERE obj_description(oid, 'pg_namespace') = $1 ORDER BY 1;

-- name: sequences
-- Sequences that stand by themselves or belong to a serial column; that of an identity column is a part of it.
SELECT c.relname::text AS name,
       format_type(s.seqtypid, NULL) AS data_type,
       s.seqstart AS start,
       s.seqincrement AS increment,
       s.seqmin AS minimum,
       s.seqmax AS maximum,
       s.seqcache AS cache,
       s.seqcycle AS cycle
FROM pg_sequence AS s
JOIN pg_class AS c ON c.oid = s.seqrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('e', 'i'));

-- name: draws
-- Columns whose default calls nextval() on a sequence, with the sequence.
SELECT c.relname::text AS "table", a.attname::text AS "column", sn.nspname::text AS schema, s.relname::text AS name,
       EXISTS (SELECT FROM pg_depend AS o
               WHERE o.classid = 'pg_class'::regclass AND o.objid = s.oid AND o.refclassid = 'pg_class'::regclass
                 AND o.refobjid = def.adrelid AND o.refobjsubid = def.adnum AND o.deptype = 'a') AS is_owned
FROM pg_attrdef AS def
JOIN pg_class AS c ON c.oid = def.adrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = def.adrelid AND a.attnum = def.adnum
JOIN pg_depend AS d ON d.classid = 'pg_attrdef'::regclass AND d.objid = def.oid AND d.refclassid = 'pg_class'::regclass
JOIN pg_class AS s ON s.oid = d.refobjid AND s.relkind = 'S'
JOIN pg_namespace AS sn ON sn.oid = s.relnamespace
WHERE n.nspname = $1;

-- name: enums
-- Enums with their values in their order.
SELECT t.typname::text AS name,
       ARRAY(SELECT e.enumlabel::text FROM pg_enum AS e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) AS values
FROM pg_type AS t
JOIN pg_namespace AS n ON n.oid = t.typnamespace
WHERE n.nspname = $1 AND t.typtype = 'e'
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e');

-- name: domains
-- Domains with their checks, each as its name and its expression.
SELECT t.typname::text AS name,
       format_type(t.typbasetype, t.typtypmod) AS data_type,
       CASE WHEN t.typcollation <> b.typcollation THEN t.typcollation::regcollation::text ELSE '' END AS collation,
       t.typdefault AS "default",
       t.typnotnull AS not_null,
       ARRAY(SELECT part
             FROM pg_constraint AS k
             CROSS JOIN LATERAL unnest(ARRAY[k.conname::text, pg_get_expr(k.conbin, 0)]) WITH ORDINALITY AS u (part, n)
             WHERE k.contypid = t.oid AND k.contype = 'c'
             ORDER BY k.conname, u.n) AS checks
FROM pg_type AS t
JOIN pg_type AS b ON b.oid = t.typbasetype
JOIN pg_namespace AS n ON n.oid = t.typnamespace
WHERE n.nspname = $1 AND t.typtype = 'd'
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e');

-- name: functions
-- Functions written in this database, with what CREATE FUNCTION would have to say to make them again.
SELECT p.proname::text AS name,
       coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) AS body,
       pg_get_function_result(p.oid) AS returns,
       pg_get_function_arguments(p.oid) AS arguments,
       l.lanname::text AS language,
       CASE p.provolatile WHEN 'i' THEN 'IMMUTABLE' WHEN 's' THEN 'STABLE' ELSE 'VOLATILE' END AS volatility,
       p.prosecdef AS security_definer,
       coalesce(p.proconfig, '{}') AS settings,
       array_remove(ARRAY[
           CASE WHEN p.proisstrict THEN 'STRICT' END,
           CASE WHEN p.proleakproof THEN 'LEAKPROOF' END,
           CASE p.proparallel WHEN 's' THEN 'PARALLEL SAFE' WHEN 'r' THEN 'PARALLEL RESTRICTED' END,
           CASE WHEN p.procost <> 100 THEN 'COST ' || p.procost END,
           CASE WHEN p.prorows NOT IN (0, 1000) THEN 'ROWS ' || p.prorows END
       ], NULL) AS clauses,
       ARRAY(SELECT DISTINCT coalesce(r.rolname::text, 'public')
             FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS acl
             LEFT JOIN pg_roles AS r ON r.oid = acl.grantee
             WHERE acl.grantee <> p.proowner) AS execute
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_language AS l ON l.oid = p.prolang
WHERE n.nspname = $1 AND p.prokind = 'f' AND l.lanname NOT IN ('c', 'internal')
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e');

-- name: triggers
-- Triggers of CREATE TRIGGER: not those of constraints, nor the copies that partitions inherit.
SELECT t.tgname::text AS name,
       c.relname::text AS "table",
       CASE WHEN pn.nspname = n.nspname THEN '' ELSE pn.nspname || '.' END || p.proname AS function,
       t.tgtype::integer AS bits,
       t.tgenabled::text AS enabled,
       pg_get_triggerdef(t.oid) AS definition,
       t.tgqual IS NOT NULL AS is_conditional,
       encode(t.tgargs, 'hex') AS arguments,
       t.tgconstraint <> 0 AS is_constraint,
       t.tgdeferrable AS is_deferrable,
       t.tginitdeferred AS is_deferred,
       t.tgoldtable::text AS old_table,
       t.tgnewtable::text AS new_table,
       ARRAY(SELECT a.attname::text
             FROM unnest(t.tgattr::smallint[]) WITH ORDINALITY AS u (attnum, position)
             JOIN pg_attribute AS a ON a.attrelid = t.tgrelid AND a.attnum = u.attnum
             ORDER BY u.position) AS columns
FROM pg_trigger AS t
JOIN pg_class AS c ON c.oid = t.tgrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_proc AS p ON p.oid = t.tgfoid
JOIN pg_namespace AS pn ON pn.oid = p.pronamespace
WHERE n.nspname = $1 AND NOT t.tgisinternal AND t.tgparentid = 0
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_trigger'::regclass AND d.objid = t.oid AND d.deptype = 'e');

-- name: hash_partitions
-- Tables that are partitioned by hash, with their partitions and the bound of each.
SELECT c.relname::text AS "table",
       array_agg(child.relname::text) AS partitions,
       array_agg(pg_get_expr(child.relpartbound, child.oid)) AS bounds
FROM pg_partitioned_table AS p
JOIN pg_class AS c ON c.oid = p.partrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_inherits AS i ON i.inhparent = c.oid
JOIN pg_class AS child ON child.oid = i.inhrelid
WHERE n.nspname = $1 AND p.partstrat = 'h'
GROUP BY c.relname;

-- name: row_security
-- Tables on which either flag is set.
SELECT c.relname::text AS "table", c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND (c.relrowsecurity OR c.relforcerowsecurity)
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e');

-- name: policies
-- Policies with their expressions as the server prints them; role 0 is PUBLIC.
SELECT p.polname::text AS name,
       c.relname::text AS "table",
       ARRAY(SELECT coalesce(r.rolname::text, 'public')
             FROM unnest(p.polroles) AS u (role)
             LEFT JOIN pg_roles AS r ON r.oid = u.role) AS roles,
       pg_get_expr(p.polqual, p.polrelid) AS "using",
       pg_get_expr(p.polwithcheck, p.polrelid) AS "check",
       CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
                     ELSE 'ALL' END AS command,
       p.polpermissive AS permissive
FROM pg_policy AS p
JOIN pg_class AS c ON c.oid = p.polrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1;

-- name: grants
-- Privileges of anybody but the owner on the schema, on its tables, views and sequences, and on single columns.
WITH relation AS (
    SELECT c.oid, c.relname::text AS name, c.relowner, c.relacl,
           CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      AND NOT EXISTS (SELECT FROM pg_depend AS d
                      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
), acl AS (
    SELECT r.kind, r.name, '' AS "column", r.relowner AS owner, r.relacl AS items
    FROM relation AS r
    UNION ALL
    SELECT r.kind, r.name, a.attname::text, r.relowner, a.attacl
    FROM relation AS r
    JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attacl IS NOT NULL AND NOT a.attisdropped
    UNION ALL
    SELECT 'SCHEMA', n.nspname::text, '', n.nspowner, n.nspacl
    FROM pg_namespace AS n
    WHERE n.nspname = $1
)
SELECT acl.kind, acl.name, acl."column",
       coalesce(g.rolname::text, 'public') AS role,
       item.is_grantable AS grantable,
       array_agg(DISTINCT item.privilege_type) AS privileges
FROM acl
CROSS JOIN aclexplode(acl.items) AS item
LEFT JOIN pg_roles AS g ON g.oid = item.grantee
WHERE item.grantee <> acl.owner
GROUP BY acl.kind, acl.name, acl."column", g.rolname, item.is_grantable;

-- name: views
-- Views with their queries as the server prints them.
SELECT c.relname::text AS name, pg_get_viewdef(c.oid) AS query, coalesce(c.reloptions, '{}') AS options
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind = 'v'
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e');

-- name: comments
-- Comments, without those on tables and columns, and without those of extensions' objects.
WITH object AS (
    SELECT 'pg_namespace'::regclass AS class, n.oid, n.oid AS namespace, 'SCHEMA' AS kind, n.nspname::text AS name,
           '' AS "table"
    FROM pg_namespace AS n
    UNION ALL
    SELECT 'pg_class'::regclass, c.oid, c.relnamespace,
           CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END,
           c.relname::text, ''
    FROM pg_class AS c WHERE c.relkind IN ('S', 'v', 'm')
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, p.pronamespace, 'FUNCTION',
           p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', ''
    FROM pg_proc AS p WHERE p.prokind = 'f'
    UNION ALL
    SELECT 'pg_policy'::regclass, p.oid, c.relnamespace, 'POLICY', p.polname::text, c.relname::text
    FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid
    UNION ALL
    SELECT 'pg_trigger'::regclass, t.oid, c.relnamespace, 'TRIGGER', t.tgname::text, c.relname::text
    FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
)
SELECT o.kind, o.name, o."table", d.description AS text
-- initdb comments on the schema public.
FROM object AS o
JOIN pg_description AS d ON d.classoid = o.class AND d.objoid = o.oid AND d.objsubid = 0
JOIN pg_namespace AS n ON n.oid = o.namespace
WHERE n.nspname = $1
  AND (o.kind, o.name, d.description) <> ('SCHEMA', 'public', 'standard public schema')
  AND NOT EXISTS (SELECT FROM pg_depend AS e WHERE e.classid = o.class AND e.objid = o.oid AND e.deptype = 'e');
