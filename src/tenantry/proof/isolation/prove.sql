-- The schema as a whole: two databases with the same fingerprint have the same schema.

-- name: fingerprint
-- A digest of every definition outside the system's schemas: columns, constraints, indexes, policies, triggers,
-- functions, views, owners and privileges. Rows and the order of columns do not count.
WITH schemas AS (
    SELECT oid, nspname AS name, nspowner, nspacl
    FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), lines AS (
    SELECT format('schema %s %s %s', s.name, pg_get_userbyid(s.nspowner),
                  ARRAY(SELECT unnest(s.nspacl)::text ORDER BY 1)) AS line
    FROM schemas AS s
    UNION ALL
    SELECT format('relation %s.%s %s %s %s %s %s %s %s', s.name, c.relname, c.relkind, c.relpersistence,
                  c.relrowsecurity, c.relforcerowsecurity, pg_get_userbyid(c.relowner), c.reloptions,
                  ARRAY(SELECT unnest(c.relacl)::text ORDER BY 1))
    FROM pg_class AS c
    JOIN schemas AS s ON s.oid = c.relnamespace
    UNION ALL
    SELECT format('column %s.%s.%s %s %s %s %s %s', s.name, c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                  a.attnotnull, a.attidentity, pg_get_expr(d.adbin, d.adrelid),
                  ARRAY(SELECT unnest(a.attacl)::text ORDER BY 1))
    FROM pg_attribute AS a
    JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    JOIN schemas AS s ON s.oid = c.relnamespace
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT format('constraint %s %s %s %s', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid),
                  k.convalidated)
    FROM pg_constraint AS k
    JOIN schemas AS s ON s.oid = k.connamespace
    UNION ALL
    SELECT format('index %s %s', pg_get_indexdef(i.indexrelid), i.indisvalid)
    FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indrelid
    JOIN schemas AS s ON s.oid = c.relnamespace
    UNION ALL
    SELECT format('policy %s %s %s %s %s %s %s', p.polrelid::regclass, p.polname, p.polcmd, p.polpermissive,
                  ARRAY(SELECT CASE one WHEN 0 THEN 'public' ELSE pg_get_userbyid(one)::text END
                        FROM unnest(p.polroles) AS one ORDER BY 1),
                  pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
    FROM pg_policy AS p
    UNION ALL
    SELECT format('trigger %s %s %s', t.tgrelid::regclass, pg_get_triggerdef(t.oid), t.tgenabled)
    FROM pg_trigger AS t
    WHERE NOT t.tgisinternal
    UNION ALL
    SELECT format('function %s %s %s %s', pg_get_functiondef(f.oid), f.prokind, pg_get_userbyid(f.proowner),
                  ARRAY(SELECT unnest(f.proacl)::text ORDER BY 1))
    FROM pg_proc AS f
    JOIN schemas AS s ON s.oid = f.pronamespace
    WHERE f.prokind IN ('f', 'p')
    UNION ALL
    SELECT format('view %s.%s %s', s.name, c.relname, pg_get_viewdef(c.oid))
    FROM pg_class AS c
    JOIN schemas AS s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('v', 'm')
)
SELECT encode(sha256(convert_to(string_agg(line, E'\n' ORDER BY line COLLATE "C"), 'UTF8')), 'hex') AS fingerprint,
       current_setting('server_version') AS server
FROM lines;

-- name: roles
-- The attributes of the roles $1 that decide whether row security applies to them, and their memberships.
SELECT r.rolname::text AS name, r.rolcanlogin AS can_login, r.rolsuper AS superuser, r.rolbypassrls AS bypass_rls,
       r.rolcreaterole AS create_role, r.rolcreatedb AS create_database, r.rolreplication AS replication,
       ARRAY(SELECT pg_get_userbyid(m.roleid)::text FROM pg_auth_members AS m WHERE m.member = r.oid ORDER BY 1)
           AS member_of
FROM pg_roles AS r
WHERE r.rolname = ANY ($1::text[])
ORDER BY array_position($1::text[], r.rolname::text);
