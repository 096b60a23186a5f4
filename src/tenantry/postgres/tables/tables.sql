-- Tables and their parts, of the schemas $1. No statement takes a lock above ACCESS SHARE. Tables of extensions are left
-- out, as in `postgres.catalog`.

-- name: tables
SELECT n.nspname::text AS schema, c.relname::text AS "table", c.relname::text AS name,
       pg_get_partkeydef(c.oid) AS partition_key,
       c.relpersistence = 'u' AS is_unlogged,
       coalesce(c.reloptions, '{}') AS options,
       obj_description(c.oid, 'pg_class') AS comment
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1::text[]) AND c.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e');

-- name: columns
-- Columns in their order. `identity` and `generated` are the letters of the catalog, and the numbers are those of an
-- identity column's sequence. `named_type` is the enum or domain of the column, or of its array's members.
SELECT n.nspname::text AS schema, c.relname::text AS "table", a.attname::text AS name,
       format_type(a.atttypid, a.atttypmod) AS type,
       t.typname::text AS type_name, m.typtype::text AS member_kind,
       mn.nspname::text AS member_schema, m.typname::text AS member_name,
       a.attndims::integer AS dimensions,
       a.attnotnull AS is_not_null,
       pg_get_expr(d.adbin, d.adrelid) AS "default",
       a.attidentity <> '' OR a.attgenerated <> '' AS is_generated,
       a.attidentity::text AS identity,
       a.attgenerated::text AS generated,
       s.seqstart AS start, s.seqincrement AS increment, s.seqmin AS minimum, s.seqmax AS maximum,
       s.seqcache AS cache, s.seqcycle AS cycle, format_type(s.seqtypid, NULL) AS sequence_type,
       coalesce(l.collisdeterministic, true) AS is_deterministic,
       CASE WHEN a.attcollation <> t.typcollation THEN l.collname::text ELSE '' END AS collation,
       CASE WHEN a.attcollation <> t.typcollation AND ln.nspname <> 'pg_catalog' THEN ln.nspname::text ELSE '' END
           AS collation_schema,
       col_description(c.oid, a.attnum) AS comment
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_type AS t ON t.oid = a.atttypid
JOIN pg_type AS m ON m.oid = CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN t.typelem ELSE t.oid END
JOIN pg_namespace AS mn ON mn.oid = m.typnamespace
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
LEFT JOIN pg_namespace AS ln ON ln.oid = l.collnamespace
LEFT JOIN pg_depend AS o ON a.attidentity <> '' AND o.classid = 'pg_class'::regclass AND o.deptype = 'i'
    AND o.refclassid = 'pg_class'::regclass AND o.refobjid = c.oid AND o.refobjsubid = a.attnum
LEFT JOIN pg_sequence AS s ON s.seqrelid = o.objid
WHERE n.nspname = ANY ($1::text[]) AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;

-- name: indexes
-- A key that is an expression has the name '' in `columns`; `keys` has the SQL of each key. `orders` are the bits of
-- pg_index.indoption. `uses` are all columns that the index depends on.
SELECT n.nspname::text AS schema, c.relname::text AS "table", i.relname::text AS name,
       x.indisunique AS is_unique,
       x.indisvalid AND x.indisready AS is_valid,
       am.amname::text AS method,
       pg_get_expr(x.indpred, x.indrelid) AS predicate,
       EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = x.indexrelid AND k.contype IN ('p', 'u', 'x'))
           AS is_constraint,
       ARRAY(SELECT coalesce(a.attname::text, '')
             FROM unnest(x.indkey::smallint[]) WITH ORDINALITY AS u (attnum, position)
             LEFT JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = u.attnum
             WHERE u.position <= x.indnkeyatts
             ORDER BY u.position) AS columns,
       ARRAY(SELECT a.attname::text
             FROM unnest(x.indkey::smallint[]) WITH ORDINALITY AS u (attnum, position)
             JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = u.attnum
             WHERE u.position > x.indnkeyatts
             ORDER BY u.position) AS included,
       ARRAY(SELECT pg_get_indexdef(x.indexrelid, g, false) FROM generate_series(1, x.indnkeyatts) AS g ORDER BY g)
           AS keys,
       ARRAY(SELECT CASE WHEN o.opcdefault THEN '' ELSE o.opcname::text END
             FROM unnest(x.indclass::oid[]) WITH ORDINALITY AS u (class, position)
             JOIN pg_opclass AS o ON o.oid = u.class
             ORDER BY u.position) AS classes,
       ARRAY(SELECT o.opcname::text
             FROM unnest(x.indclass::oid[]) WITH ORDINALITY AS u (class, position)
             JOIN pg_opclass AS o ON o.oid = u.class
             ORDER BY u.position) AS all_classes,
       x.indoption::smallint[]::integer[] AS orders,
       coalesce((to_jsonb(x) ->> 'indnullsnotdistinct')::boolean, false) AS is_nulls_not_distinct,
       coalesce(i.reloptions, '{}') AS options,
       ARRAY(SELECT DISTINCT a.attname::text
             FROM pg_depend AS d
             JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
             WHERE d.classid = 'pg_class'::regclass AND d.objid = x.indexrelid
               AND d.refclassid = 'pg_class'::regclass AND d.refobjid = x.indrelid AND d.refobjsubid > 0
             ORDER BY 1) AS uses,
       pg_get_indexdef(x.indexrelid) AS definition
FROM pg_index AS x
JOIN pg_class AS i ON i.oid = x.indexrelid
JOIN pg_class AS c ON c.oid = x.indrelid
JOIN pg_am AS am ON am.oid = i.relam
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1::text[]);

-- name: constraints
-- Keys, checks, references and exclusion constraints. Before PostgreSQL 18 every constraint is enforced.
SELECT n.nspname::text AS schema, c.relname::text AS "table", k.conname::text AS name,
       k.contype::text AS kind,
       k.convalidated AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) AS is_proven,
       pg_get_expr(k.conbin, k.conrelid) AS expression,
       ARRAY(SELECT a.attname::text
             FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, position)
             JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.attnum
             ORDER BY u.position) AS columns,
       ARRAY(SELECT a.attname::text
             FROM unnest(k.conkey, k.conexclop) AS u (attnum, operator)
             JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.attnum
             WHERE starts_with(u.operator::regoperator::text, '=(')) AS equal,
       coalesce(fn.nspname::text || '.' || f.relname::text, '') AS target,
       ARRAY(SELECT a.attname::text
             FROM unnest(k.confkey) WITH ORDINALITY AS u (attnum, position)
             JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = u.attnum
             ORDER BY u.position) AS target_columns,
       k.confdeltype::text AS on_delete,
       ARRAY(SELECT a.attname::text
             FROM jsonb_array_elements(nullif(to_jsonb(k) -> 'confdelsetcols', 'null'::jsonb)) AS u (attnum)
             JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.attnum::integer
             ORDER BY a.attname) AS set_columns,
       k.confupdtype::text AS on_update,
       k.confmatchtype::text AS match,
       k.condeferrable AS is_deferrable,
       k.condeferred AS is_deferred,
       k.connoinherit AS is_no_inherit,
       ARRAY(SELECT regexp_replace(u.operator::regoper::text, '^.*[.]', '')
             FROM unnest(k.conexclop) WITH ORDINALITY AS u (operator, position)
             ORDER BY u.position) AS operators,
       i.relname::text AS index,
       pg_get_constraintdef(k.oid) AS definition
FROM pg_constraint AS k
JOIN pg_class AS c ON c.oid = k.conrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_class AS f ON f.oid = k.confrelid
LEFT JOIN pg_namespace AS fn ON fn.oid = f.relnamespace
LEFT JOIN pg_class AS i ON i.oid = k.conindid AND k.contype IN ('p', 'u', 'x')
WHERE n.nspname = ANY ($1::text[]) AND k.contype IN ('p', 'u', 'c', 'f', 'x') AND k.conparentid = 0;
