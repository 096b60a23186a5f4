-- What a row of a table must look like. The tables come as two arrays: schemas $1 and names $2.

-- name: columns
-- The columns of the tables, in their order; a type's modifier is -1 where it has none.
SELECT n.nspname::text AS schema, c.relname::text AS "table", a.attname::text AS name,
       a.atttypid::bigint AS type, a.atttypmod AS modifier,
       a.attnotnull AS is_not_null,
       a.atthasdef AND a.attgenerated = '' OR a.attidentity <> '' AS has_default,
       a.attgenerated <> '' AS is_generated
FROM unnest($1::text[], $2::text[]) AS wanted (schema, name)
JOIN pg_namespace AS n ON n.nspname = wanted.schema
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = wanted.name
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;

-- name: types
-- The types $1 and their parts: a domain's base, an array's element, a range's bounds, a composite type's columns.
WITH RECURSIVE reached (oid) AS (
    SELECT unnest($1::bigint[])::oid
    UNION
    SELECT part.oid
    FROM reached
    JOIN pg_type AS t ON t.oid = reached.oid
    LEFT JOIN pg_range AS r ON t.oid IN (r.rngtypid, r.rngmultitypid)
    CROSS JOIN LATERAL (
        VALUES (t.typbasetype), (CASE WHEN t.typcategory = 'A' THEN t.typelem END), (r.rngsubtype)
        UNION ALL
        SELECT a.atttypid FROM pg_attribute AS a
        WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    ) AS part (oid)
    WHERE part.oid <> 0
)
SELECT t.oid::bigint AS oid, t.typname::text AS name, n.nspname::text AS schema, t.typtype::text AS kind,
       t.typbasetype::bigint AS base, t.typtypmod AS modifier, t.typnotnull AS is_not_null,
       CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END::bigint AS element,
       coalesce((SELECT r.rngsubtype FROM pg_range AS r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)), 0)::bigint
           AS bound,
       ARRAY(SELECT a.atttypid::bigint FROM pg_attribute AS a
             WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
             ORDER BY a.attnum) AS fields,
       ARRAY(SELECT a.atttypmod FROM pg_attribute AS a
             WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
             ORDER BY a.attnum) AS field_modifiers,
       ARRAY(SELECT e.enumlabel::text FROM pg_enum AS e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) AS labels
FROM reached
JOIN pg_type AS t ON t.oid = reached.oid
JOIN pg_namespace AS n ON n.oid = t.typnamespace;

-- name: domain_checks
-- The CHECK constraints of the domains among the types $1.
SELECT k.contypid::bigint AS type, k.conname::text AS name, pg_get_constraintdef(k.oid) AS definition
FROM pg_constraint AS k
WHERE k.contypid = ANY ($1::bigint[]) AND k.contype = 'c';

-- name: constraints
-- The constraints of the tables, with their columns. Columns inside an expression count. A foreign key to a partitioned
-- table has one more entry for each partition; these are left out.
SELECT n.nspname::text AS schema, c.relname::text AS "table", k.conname::text AS name, k.contype::text AS kind,
       pg_get_constraintdef(k.oid) AS definition,
       k.confmatchtype = 'f' AS is_full, k.condeferrable AS is_deferrable,
       fn.nspname::text AS target_schema, f.relname::text AS target,
       ARRAY(SELECT a.attname::text
             FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, position)
             JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.attnum
             ORDER BY u.position)
       || ARRAY(SELECT a.attname::text
                FROM pg_depend AS d
                JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                WHERE k.contype = 'x' AND d.classid = 'pg_class'::regclass AND d.objid = k.conindid
                  AND d.refclassid = 'pg_class'::regclass AND d.refobjid = k.conrelid AND d.refobjsubid > 0) AS columns,
       ARRAY(SELECT a.attname::text
             FROM unnest(k.confkey) WITH ORDINALITY AS u (attnum, position)
             JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = u.attnum
             ORDER BY u.position) AS target_columns
FROM unnest($1::text[], $2::text[]) AS wanted (schema, name)
JOIN pg_namespace AS n ON n.nspname = wanted.schema
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = wanted.name
JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype IN ('c', 'f', 'p', 'u', 'x')
    AND NOT EXISTS (SELECT FROM pg_constraint AS p WHERE p.oid = k.conparentid AND p.conrelid = k.conrelid)
LEFT JOIN pg_class AS f ON f.oid = k.confrelid
LEFT JOIN pg_namespace AS fn ON fn.oid = f.relnamespace
ORDER BY k.contype, k.conname;

-- name: unique_indexes
-- The unique indexes of the tables that belong to no constraint, with their columns.
SELECT n.nspname::text AS schema, c.relname::text AS "table", i.relname::text AS name, 'u' AS kind,
       pg_get_indexdef(x.indexrelid) AS definition,
       false AS is_full, false AS is_deferrable, NULL AS target_schema, NULL AS target,
       ARRAY(SELECT DISTINCT a.attname::text
             FROM pg_depend AS d
             JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
             WHERE d.classid = 'pg_class'::regclass AND d.objid = x.indexrelid
               AND d.refclassid = 'pg_class'::regclass AND d.refobjid = x.indrelid AND d.refobjsubid > 0) AS columns,
       ARRAY[]::text[] AS target_columns
FROM unnest($1::text[], $2::text[]) AS wanted (schema, name)
JOIN pg_namespace AS n ON n.nspname = wanted.schema
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = wanted.name
JOIN pg_index AS x ON x.indrelid = c.oid AND x.indisunique
JOIN pg_class AS i ON i.oid = x.indexrelid
WHERE NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = x.indexrelid AND k.contype IN ('p', 'u', 'x'));
