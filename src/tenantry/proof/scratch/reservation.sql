-- The scratch databases of proofs, and which of them are no longer in use.

-- name: leftovers
-- The databases whose names match `$1` and whose lock `$2` no process holds. The name ends with the lock's number.
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
-- The rights of the session's login.
SELECT r.rolname::text AS name, r.rolsuper AS is_superuser, r.rolsuper OR r.rolcreatedb AS can_create_databases
FROM pg_roles AS r
WHERE r.rolname = session_user;
