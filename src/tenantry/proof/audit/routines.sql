-- Functions, triggers, operators and languages. No statement takes a lock above ACCESS SHARE.

-- name: routines
-- Functions and procedures of every schema that is not the system's, and who may call them; $1 is the application.
SELECT n.nspname::text AS schema, p.proname::text AS name,
       pg_get_function_identity_arguments(p.oid) AS signature,
       p.prokind = 'p' AS is_procedure,
       p.prosecdef AS is_definer,
       p.proleakproof AS is_leakproof,
       l.lanname::text AS language,
       l.lanpltrusted AS is_trusted,
       owner.rolname::text AS owner,
       (SELECT substr(item, strpos(item, '=') + 1) FROM unnest(p.proconfig) AS item
        WHERE item LIKE 'search\_path=%') AS search_path,
       coalesce(has_schema_privilege(app.oid, n.oid, 'USAGE') AND has_function_privilege(app.oid, p.oid, 'EXECUTE'),
                false) AS is_reachable,
       EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS item
               WHERE item.grantee = 0) AS is_public
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_language AS l ON l.oid = p.prolang
JOIN pg_roles AS owner ON owner.oid = p.proowner
LEFT JOIN pg_roles AS app ON app.rolname = $1
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND p.prokind <> 'a'
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e');

-- name: leakproof_builtins
-- The server's own functions of the names $1 that are marked LEAKPROOF.
SELECT o.identity AS name
FROM pg_proc AS p
CROSS JOIN pg_identify_object('pg_proc'::regclass, p.oid, 0) AS o
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proleakproof AND p.proname = ANY ($1::text[]);

-- name: definer_triggers
-- Triggers whose function is SECURITY DEFINER, without those of constraints.
SELECT n.nspname::text AS schema, c.relname::text AS "table", t.tgname::text AS name, owner.rolname::text AS owner
FROM pg_trigger AS t
JOIN pg_class AS c ON c.oid = t.tgrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_proc AS p ON p.oid = t.tgfoid
JOIN pg_roles AS owner ON owner.oid = p.proowner
WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND p.prosecdef;

-- name: event_triggers
-- Enabled event triggers.
SELECT e.evtname::text AS name, e.evtevent::text AS event
FROM pg_event_trigger AS e
WHERE e.evtenabled <> 'D'
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_event_trigger'::regclass AND d.objid = e.oid AND d.deptype = 'e');

-- name: operators
-- Operators and casts that are not the server's own; its own have lower numbers (access/transam.h).
SELECT o.type AS kind, o.identity AS name
FROM (SELECT 'pg_operator'::regclass AS class, oid FROM pg_operator WHERE oid >= 16384
      UNION ALL
      SELECT 'pg_cast'::regclass, oid FROM pg_cast WHERE oid >= 16384) AS made
CROSS JOIN pg_identify_object(made.class, made.oid, 0) AS o
WHERE NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = made.class AND d.objid = made.oid AND d.deptype = 'e');

-- name: languages
-- Untrusted languages besides the server's own.
SELECT l.lanname::text AS name
FROM pg_language AS l
WHERE NOT l.lanpltrusted AND l.lanname NOT IN ('internal', 'c')
  AND NOT EXISTS (SELECT FROM pg_depend AS d
                  WHERE d.classid = 'pg_language'::regclass AND d.objid = l.oid AND d.deptype = 'e');
