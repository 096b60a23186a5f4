-- What the attacker knows of a schema; every role may read the catalog. The tables come as two arrays: schemas $1 and
-- names $2.

-- name: columns
-- The columns; `is_writable` for those that INSERT may name with OVERRIDING SYSTEM VALUE, `is_updatable` for those that
-- UPDATE may set, `is_telling` for those whose values show whose they are.
SELECT n.nspname::text AS schema, c.relname::text AS "table", a.attname::text AS name,
       format_type(a.atttypid, a.atttypmod) AS type,
       a.attgenerated = '' AS is_writable,
       a.attgenerated = '' AND a.attidentity <> 'a' AS is_updatable,
       t.typcategory IN ('S', 'U') OR t.typelem <> 0 AND t.typcategory = 'A' AS is_telling
FROM unnest($1::text[], $2::text[]) AS wanted (schema, name)
JOIN pg_namespace AS n ON n.nspname = wanted.schema
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = wanted.name
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type AS t ON t.oid = a.atttypid
ORDER BY a.attnum;

-- name: keys
-- The unique keys: `columns` are those of the key itself, `touched` also those of its expressions and its predicate.
SELECT n.nspname::text AS schema, c.relname::text AS "table", i.relname::text AS name, x.indisprimary AS is_primary,
       ARRAY(SELECT a.attname::text
             FROM unnest(x.indkey[0:x.indnkeyatts - 1]) WITH ORDINALITY AS k (attnum, place)
             JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
             ORDER BY k.place) AS columns,
       ARRAY(SELECT a.attname::text
             FROM pg_attribute AS a
             WHERE a.attrelid = x.indrelid AND a.attnum > 0
               AND (a.attnum = ANY (x.indkey[0:x.indnkeyatts - 1])
                    OR EXISTS (SELECT FROM pg_depend AS d
                               WHERE d.classid = 'pg_class'::regclass AND d.objid = x.indexrelid
                                 AND d.refclassid = 'pg_class'::regclass AND d.refobjid = x.indrelid
                                 AND d.refobjsubid = a.attnum
                                 AND NOT a.attnum = ANY (x.indkey[x.indnkeyatts:])))) AS touched
FROM unnest($1::text[], $2::text[]) AS wanted (schema, name)
JOIN pg_namespace AS n ON n.nspname = wanted.schema
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = wanted.name
JOIN pg_index AS x ON x.indrelid = c.oid AND (x.indisunique OR x.indisexclusion) AND x.indisvalid
JOIN pg_class AS i ON i.oid = x.indexrelid
ORDER BY NOT x.indisprimary, i.relname;

-- name: references
-- The foreign keys; the actions as in pg_constraint: c(ascade), set n(ull), set d(efault), a (none), r(estrict).
SELECT n.nspname::text AS schema, c.relname::text AS "table", k.conname::text AS name,
       fn.nspname::text AS target_schema, f.relname::text AS target,
       k.confdeltype::text AS on_delete, k.confupdtype::text AS on_update,
       ARRAY(SELECT a.attname::text
             FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, place)
             JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.attnum
             ORDER BY u.place) AS columns,
       ARRAY(SELECT a.attname::text
             FROM unnest(k.confkey) WITH ORDINALITY AS u (attnum, place)
             JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = u.attnum
             ORDER BY u.place) AS target_columns
FROM unnest($1::text[], $2::text[]) AS wanted (schema, name)
JOIN pg_namespace AS n ON n.nspname = wanted.schema
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = wanted.name
JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'f'
JOIN pg_class AS f ON f.oid = k.confrelid
JOIN pg_namespace AS fn ON fn.oid = f.relnamespace
ORDER BY k.conname;

-- name: tables
-- What the role $3 may do with each table, and whether it has partitions.
SELECT n.nspname::text AS schema, c.relname::text AS "table", c.relkind = 'p' AS is_partitioned,
       ARRAY(SELECT p.name
             FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p (name)
             WHERE has_table_privilege($3::name, c.oid, p.name)
                OR p.name IN ('SELECT', 'INSERT', 'UPDATE') AND has_any_column_privilege($3::name, c.oid, p.name)
            ) AS privileges
FROM unnest($1::text[], $2::text[]) AS wanted (schema, name)
JOIN pg_namespace AS n ON n.nspname = wanted.schema
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = wanted.name;
