-- name: holder
-- Who holds the advisory lock $1 in this database. A session that holds it sleeps, so its last change of state is when
-- it got the lock; those who may not see that see when it connected, or nothing.
SELECT a.pid, a.application_name, coalesce(a.state_change, a.backend_start, now()) AS since
FROM pg_locks AS l
JOIN pg_stat_activity AS a ON a.pid = l.pid
JOIN pg_database AS d ON d.oid = l.database AND d.datname = current_database()
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND (l.classid::bigint << 32) | l.objid::bigint = $1;
