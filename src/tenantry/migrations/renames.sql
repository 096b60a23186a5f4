-- What a revision renames: objects that are named after a table or a column.

-- name: named
-- Constraints, indexes without a constraint, sequences that a column owns, and partitions, each with its table.
SELECT 'CONSTRAINT' AS kind, n.nspname::text AS schema, c.relname::text AS "table", k.conname::text AS name
FROM pg_constraint AS k
JOIN pg_class AS c ON c.oid = k.conrelid AND NOT c.relispartition
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND k.conparentid = 0
UNION ALL
SELECT 'INDEX', n.nspname, c.relname, i.relname
FROM pg_index AS x
JOIN pg_class AS i ON i.oid = x.indexrelid
JOIN pg_class AS c ON c.oid = x.indrelid AND c.relkind IN ('r', 'p') AND NOT c.relispartition
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = i.oid AND k.contype IN ('p', 'u', 'x'))
UNION ALL
SELECT 'SEQUENCE', n.nspname, c.relname, s.relname
FROM pg_class AS s
JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype = 'a'
    AND d.refclassid = 'pg_class'::regclass
JOIN pg_class AS c ON c.oid = d.refobjid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE s.relkind = 'S'
UNION ALL
SELECT 'TABLE', n.nspname, p.relname, c.relname
FROM pg_class AS c
JOIN pg_inherits AS h ON h.inhrelid = c.oid
JOIN pg_class AS p ON p.oid = h.inhparent
JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.oid = p.relnamespace
WHERE c.relispartition AND c.relkind = 'r'
ORDER BY 2, 3, 1, 4;
