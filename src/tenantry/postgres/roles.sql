-- What the roles of a session may do, read from pg_catalog.

-- name: role_facts
-- The role in force and the login behind it. SET ROLE asks for the membership of the login, whatever role is in force;
-- the kind of membership that it asks for has a name of its own from PostgreSQL 16 on.
SELECT me.rolname::text AS name,
       login.rolname::text AS login_name,
       me.rolsuper AS superuser,
       me.rolbypassrls AS bypass_rls,
       me.rolcreaterole AS create_role,
       login.rolsuper AS login_superuser,
       login.rolbypassrls AS login_bypass_rls,
       login.rolcreaterole AS login_create_role,
       ARRAY(SELECT r.rolname::text FROM pg_roles AS r
             WHERE r.oid <> me.oid AND NOT me.rolsuper AND pg_has_role(me.oid, r.oid, 'USAGE')
             ORDER BY 1) AS inherits,
       ARRAY(SELECT r.rolname::text FROM pg_roles AS r
             WHERE r.oid NOT IN (me.oid, login.oid) AND NOT login.rolsuper
               AND pg_has_role(login.oid, r.oid, mode.membership)
             ORDER BY 1) AS can_become,
       ARRAY(SELECT r.rolname::text FROM pg_roles AS r
             WHERE r.oid NOT IN (me.oid, login.oid) AND NOT login.rolsuper AND (r.rolsuper OR r.rolbypassrls)
               AND pg_has_role(login.oid, r.oid, mode.membership)
             ORDER BY 1) AS can_bypass,
       ARRAY(SELECT n.nspname || '.' || c.relname
             FROM pg_class AS c
             JOIN pg_namespace AS n ON n.oid = c.relnamespace
             WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
               AND (c.relowner = me.oid OR (NOT me.rolsuper AND pg_has_role(me.oid, c.relowner, 'USAGE')))
             ORDER BY 1
             LIMIT 10) AS owns
FROM pg_roles AS me
JOIN pg_roles AS login ON login.rolname = session_user
CROSS JOIN (SELECT CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END
            AS membership) AS mode
WHERE me.rolname = current_user;

-- name: role_states
-- How each of the roles $1 stands, those that do not exist left out; and whether the login may SET ROLE to it.
SELECT r.rolname::text AS name, r.rolsuper, r.rolcanlogin, r.rolbypassrls,
       r.rolname = session_user
           OR pg_has_role(session_user, r.oid, CASE WHEN current_setting('server_version_num')::integer < 160000
                                                    THEN 'MEMBER' ELSE 'SET' END) AS is_reachable,
       has_database_privilege(r.oid, current_database(), 'CONNECT') AS can_connect,
       has_database_privilege(r.oid, current_database(), 'CREATE') AS can_create_in_database,
       coalesce(has_schema_privilege(r.oid, to_regnamespace('public')::oid, 'CREATE'), false) AS can_create_in_schema,
       r.oid = (SELECT nspowner FROM pg_namespace WHERE nspname = 'public') AS owns_schema
FROM pg_roles AS r
WHERE r.rolname = ANY ($1::text[]);

-- name: temporary_is_open
-- Whether anybody may make temporary objects in this database, as in every new one.
SELECT EXISTS (SELECT FROM pg_database AS d
               CROSS JOIN aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS item
               WHERE d.datname = current_database() AND item.grantee = 0 AND item.privilege_type = 'TEMPORARY');

-- name: schema_is_open
-- Whether anybody may create objects in schema public, as before PostgreSQL 15.
SELECT EXISTS (SELECT FROM pg_namespace AS n
               CROSS JOIN aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS item
               WHERE n.nspname = 'public' AND item.grantee = 0 AND item.privilege_type = 'CREATE');
