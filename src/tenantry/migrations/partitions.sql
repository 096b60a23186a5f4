-- Partitions, which the comparison of tables leaves out. It takes no lock above ACCESS SHARE.

-- name: partitions
-- Every partition in the schemas $1, with the table at the top of its tree.
SELECT n.nspname::text AS schema, c.relname::text AS name, rn.nspname::text AS parent_schema, r.relname::text AS parent
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_class AS r ON r.oid = pg_partition_root(c.oid)
JOIN pg_namespace AS rn ON rn.oid = r.relnamespace
WHERE c.relispartition AND c.relkind IN ('r', 'p', 'f') AND n.nspname = ANY ($1::text[]);
