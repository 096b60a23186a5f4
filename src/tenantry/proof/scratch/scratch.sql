-- Databases that a proof makes beside the service's own, and how they are told from one that is in use.

-- name: leftovers
-- The databases named as `$1` that no living process holds the lock `$2` of; the name ends with the lock's number.
SELECT d.datname::text AS name
FROM pg_database AS d
WHERE d.datname ~ $1
  AND NOT EXISTS (SELECT FROM pg_locks AS l
                  WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.classid = $2
                    AND lpad(to_hex(l.objid::bigint), 8, '0') = right(d.datname, 8));

-- name: login_leftovers
-- The same for the logins of a proof.
SELECT r.rolname::text AS name
FROM pg_roles AS r
WHERE r.rolname ~ $1
  AND NOT EXISTS (SELECT FROM pg_locks AS l
                  WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.classid = $2
                    AND lpad(to_hex(l.objid::bigint), 8, '0') = right(r.rolname, 8));

-- name: rights
-- What the session's login may do to the cluster.
SELECT r.rolname::text AS name, r.rolsuper AS is_superuser, r.rolsuper OR r.rolcreatedb AS can_create_databases
FROM pg_roles AS r
WHERE r.rolname = session_user;
