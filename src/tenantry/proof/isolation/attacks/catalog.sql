-- Queries of the attacks on the catalog, sent as the application.

-- name: relations
-- Every relation with rows outside the system's schemas, with its parent if it is a partition or a child.
SELECT n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
       has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT') AS is_readable,
       (SELECT p.relname::text FROM pg_inherits AS i JOIN pg_class AS p ON p.oid = i.inhparent
        WHERE i.inhrelid = c.oid LIMIT 1) AS parent,
       (SELECT pn.nspname::text FROM pg_inherits AS i JOIN pg_class AS p ON p.oid = i.inhparent
        JOIN pg_namespace AS pn ON pn.oid = p.relnamespace WHERE i.inhrelid = c.oid LIMIT 1) AS parent_schema
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND has_schema_privilege(n.oid, 'USAGE')
  AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                    AND d.deptype = 'e')
ORDER BY n.nspname, c.relname;

-- name: routines
-- Every routine that the application may call, except those of the system, of triggers, and of extensions that run with
-- the caller's rights.
SELECT n.nspname::text AS schema, p.proname::text AS name, p.prokind::text AS kind, p.prosecdef AS is_definer,
       pg_get_function_identity_arguments(p.oid) AS arguments,
       ARRAY(SELECT format_type(t.oid, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS a (oid, place)
             JOIN pg_type AS t ON t.oid = a.oid ORDER BY a.place) AS types,
       coalesce(p.proargnames, ARRAY[]::text[])::text[] AS names
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_type AS r ON r.oid = p.prorettype
WHERE p.prokind IN ('f', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (r.typtype <> 'p' OR r.typname IN ('record', 'void'))
  AND has_function_privilege(p.oid, 'EXECUTE') AND has_schema_privilege(n.oid, 'USAGE')
  AND (p.prosecdef OR NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                                    AND d.deptype = 'e'))
ORDER BY n.nspname, p.proname, p.oid;

-- name: sequences
-- Every sequence outside the system's schemas.
SELECT n.nspname::text AS schema, c.relname::text AS name,
       has_sequence_privilege(c.oid, 'USAGE') AS is_usable, has_sequence_privilege(c.oid, 'SELECT') AS is_readable
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY n.nspname, c.relname;

-- name: statistics
-- The planner's statistics that the view shows. They hold values of columns.
SELECT s.schemaname::text || '.' || s.tablename || '.' || s.attname AS place,
       concat_ws(' ', s.most_common_vals::text, s.histogram_bounds::text, s.most_common_elems::text) AS said
FROM pg_stats AS s
WHERE s.schemaname NOT IN ('pg_catalog', 'information_schema')
  AND NOT (s.schemaname, s.tablename) IN (SELECT schemaname, viewname FROM pg_views);

-- name: extended_statistics
-- The same of extended statistics, by columns and by expressions.
SELECT e.schemaname::text || '.' || e.statistics_name AS place,
       concat_ws(' ', e.most_common_vals::text) AS said
FROM pg_stats_ext AS e
UNION ALL
SELECT x.schemaname::text || '.' || x.statistics_name,
       concat_ws(' ', x.most_common_vals::text, x.histogram_bounds::text)
FROM pg_stats_ext_exprs AS x;

-- name: texts
-- All texts of the catalog that a user wrote: definitions, bounds, comments, settings, names.
SELECT 'policy ' || p.polrelid::regclass || '.' || p.polname AS place,
       concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) AS said
FROM pg_policy AS p
UNION ALL
SELECT 'constraint ' || k.conrelid::regclass || '.' || k.conname, pg_get_constraintdef(k.oid)
FROM pg_constraint AS k WHERE k.contype IN ('c', 'x')
UNION ALL
SELECT 'default ' || d.adrelid::regclass, pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef AS d
UNION ALL
SELECT 'table ' || c.oid::regclass, concat_ws(' ', c.relname, pg_get_expr(c.relpartbound, c.oid))
FROM pg_class AS c WHERE c.relnamespace <> 'pg_catalog'::regnamespace
UNION ALL
SELECT 'index ' || x.indexrelid::regclass, pg_get_expr(x.indpred, x.indrelid)
FROM pg_index AS x WHERE x.indpred IS NOT NULL
UNION ALL
SELECT 'function ' || p.oid::regprocedure, p.prosrc
FROM pg_proc AS p WHERE p.pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
UNION ALL
SELECT 'view ' || v.schemaname || '.' || v.viewname, v.definition
FROM pg_views AS v WHERE v.schemaname NOT IN ('pg_catalog', 'information_schema')
UNION ALL
SELECT 'comment on ' || d.objoid, d.description FROM pg_description AS d WHERE d.objoid >= 16384
UNION ALL
SELECT 'comment on ' || d.objoid, d.description FROM pg_shdescription AS d
UNION ALL
SELECT 'settings of role ' || s.setrole::regrole, s.setconfig::text FROM pg_db_role_setting AS s
UNION ALL
SELECT 'role ' || r.rolname, concat_ws(' ', r.rolname, r.rolconfig::text) FROM pg_roles AS r
UNION ALL
SELECT 'type ' || e.enumtypid::regtype, e.enumlabel FROM pg_enum AS e
UNION ALL
SELECT 'schema ' || n.nspname, n.nspname FROM pg_namespace AS n;
