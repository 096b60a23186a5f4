-- name: schema
-- A digest of what an attack could leave in the catalog: relations, functions, policies, triggers, schemas and the
-- privileges on them. Temporary objects end with their session, so they do not count.
WITH place AS (
    SELECT n.oid, n.nspname AS name, n.nspowner, n.nspacl
    FROM pg_namespace AS n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
), line AS (
    SELECT format('%s %s %s', p.name, p.nspowner, p.nspacl) AS text
    FROM place AS p
    UNION ALL
    SELECT format('%s.%s %s %s %s %s %s %s', p.name, c.relname, c.relkind, c.relowner, c.relacl, c.reloptions,
                  c.relrowsecurity, c.relforcerowsecurity)
    FROM pg_class AS c
    JOIN place AS p ON p.oid = c.relnamespace
    UNION ALL
    SELECT format('%s.%s.%s %s %s', p.name, c.relname, a.attname, a.atttypid, a.attacl)
    FROM pg_attribute AS a
    JOIN pg_class AS c ON c.oid = a.attrelid
    JOIN place AS p ON p.oid = c.relnamespace
    UNION ALL
    SELECT format('%s.%s %s %s %s %s %s', p.name, f.oid::regprocedure, f.proowner, f.proacl, f.prosecdef, f.proconfig,
                  md5(coalesce(f.prosrc, '') || coalesce(pg_get_function_sqlbody(f.oid), '')))
    FROM pg_proc AS f
    JOIN place AS p ON p.oid = f.pronamespace
    UNION ALL
    SELECT format('%s %s %s %s %s', w.polrelid, w.polname, w.polroles, w.polqual, w.polwithcheck)
    FROM pg_policy AS w
    UNION ALL
    SELECT format('%s %s %s', t.tgrelid, t.tgname, t.tgenabled)
    FROM pg_trigger AS t
    WHERE NOT t.tgisinternal
)
SELECT 'the schema' AS name, md5(string_agg(line.text, ' ' ORDER BY line.text)) AS digest
FROM line
