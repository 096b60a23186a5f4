-- Relations and what belongs to them, besides the objects of `postgres.catalog` and `postgres.tables`. No statement takes a lock above ACCESS SHARE.
-- Objects of extensions are left out.

-- name: relations
-- Tables, views and foreign tables of every schema that is not the system's, and whether role $1 can reach them.
SELECT n.nspname::text AS schema,
       c.relname::text AS name,
       c.relkind::text AS kind,
       owner.rolname::text AS owner,
       c.relpersistence = 'u' AS is_unlogged,
       c.relrowsecurity AND c.relforcerowsecurity AS is_forced,
       CASE WHEN c.relispartition THEN rn.nspname::text ELSE '' END AS root_schema,
       CASE WHEN c.relispartition THEN rc.relname::text ELSE '' END AS root,
       ARRAY(SELECT pn.nspname || '.' || pc.relname FROM pg_inherits AS i
             JOIN pg_class AS pc ON pc.oid = i.inhparent
             JOIN pg_namespace AS pn ON pn.oid = pc.relnamespace
             WHERE i.inhrelid = c.oid ORDER BY 1) AS parents,
       coalesce((SELECT option.option_value::boolean FROM pg_options_to_table(c.reloptions) AS option
                 WHERE option.option_name = 'security_invoker'), false) AS is_invoker,
       coalesce(has_schema_privilege(app.oid, n.oid, 'USAGE')
                AND (has_any_column_privilege(app.oid, c.oid, 'SELECT, INSERT, UPDATE')
                     OR has_table_privilege(app.oid, c.oid, 'DELETE, TRUNCATE')), false) AS is_reachable,
       has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS is_readable
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_roles AS owner ON owner.oid = c.relowner
LEFT JOIN pg_class AS rc ON c.relispartition AND rc.oid = pg_partition_root(c.oid)
LEFT JOIN pg_namespace AS rn ON rn.oid = rc.relnamespace
LEFT JOIN pg_roles AS app ON app.rolname = $1
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e');

-- name: rules
-- Rewrite rules on tables of the schemas $1, without those of views.
SELECT n.nspname::text AS schema, c.relname::text AS "table", r.rulename::text AS name
FROM pg_rewrite AS r
JOIN pg_class AS c ON c.oid = r.ev_class
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1::text[]) AND c.relkind IN ('r', 'p');

-- name: references
-- Foreign keys of every schema, and what role $1 may do on both sides of each.
SELECT n.nspname::text AS schema, c.relname::text AS "table", k.conname::text AS name,
       ARRAY(SELECT a.attname::text
             FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, position)
             JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.attnum
             ORDER BY u.position) AS columns,
       fn.nspname::text AS target_schema, f.relname::text AS target,
       ARRAY(SELECT a.attname::text
             FROM unnest(k.confkey) WITH ORDINALITY AS u (attnum, position)
             JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = u.attnum
             ORDER BY u.position) AS target_columns,
       k.confdeltype::text AS on_delete,
       k.confupdtype::text AS on_update,
       coalesce(has_any_column_privilege(app.oid, c.oid, 'INSERT, UPDATE'), false) AS is_writable,
       coalesce(has_table_privilege(app.oid, f.oid, 'DELETE'), false) AS is_target_deletable,
       coalesce(has_any_column_privilege(app.oid, f.oid, 'UPDATE'), false) AS is_target_updatable
FROM pg_constraint AS k
JOIN pg_class AS c ON c.oid = k.conrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_class AS f ON f.oid = k.confrelid
JOIN pg_namespace AS fn ON fn.oid = f.relnamespace
LEFT JOIN pg_roles AS app ON app.rolname = $1
WHERE k.contype = 'f' AND k.conparentid = 0;

-- name: sequences
-- Sequences of every schema that is not the system's, the tables whose columns they fill, and what role $1 may do.
SELECT n.nspname::text AS schema, c.relname::text AS name,
       ARRAY(SELECT DISTINCT tn.nspname || '.' || t.relname
             FROM (SELECT d.refobjid AS oid FROM pg_depend AS d
                   WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                     AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
                   UNION ALL
                   SELECT def.adrelid FROM pg_depend AS d
                   JOIN pg_attrdef AS def ON def.oid = d.objid
                   WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
                     AND d.refobjid = c.oid) AS used
             JOIN pg_class AS t ON t.oid = used.oid
             JOIN pg_namespace AS tn ON tn.oid = t.relnamespace
             ORDER BY 1) AS tables,
       coalesce(has_schema_privilege(app.oid, n.oid, 'USAGE') AND has_sequence_privilege(app.oid, c.oid, 'SELECT'),
                false) AS is_readable,
       coalesce(has_schema_privilege(app.oid, n.oid, 'USAGE') AND has_sequence_privilege(app.oid, c.oid, 'UPDATE'),
                false) AS is_writable
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_roles AS app ON app.rolname = $1
WHERE c.relkind = 'S' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e');
