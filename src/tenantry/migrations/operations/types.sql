-- name: rebuild_enum
-- Replaces an enum by one with other values. ALTER TABLE cannot convert what names the old type in an expression, and
-- compares both sides of a reference during the change, so these are dropped and made again from their definitions.
DO $tenantry$
DECLARE
    old_type CONSTANT oid := {type}::regtype;
    old_array CONSTANT oid := (SELECT typarray FROM pg_type WHERE oid = {type}::regtype);
    each record;
    lost text;
    changes text[];
    again text[] := '{{}}';
    statement text;
BEGIN
    FOR each IN SELECT a.attrelid::regclass AS "table", a.attname AS name, a.atttypid = old_array AS is_array
                FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
                WHERE a.atttypid IN (old_type, old_array) AND c.relkind IN ('r', 'p') AND NOT a.attisdropped LOOP
        EXECUTE format(CASE WHEN each.is_array
                            THEN 'SELECT v FROM %s, unnest(%I::text[]) AS v WHERE v <> ALL ($1) LIMIT 1'
                            ELSE 'SELECT %2$I::text FROM %1$s WHERE %2$I::text <> ALL ($1) LIMIT 1' END,
                       each."table", each.name) INTO lost USING {values};
        IF lost IS NOT NULL THEN
            RAISE EXCEPTION 'Column % of table % has rows with the value %, which the type % does not have any more.',
                            quote_ident(each.name), each."table", quote_literal(lost), {name}
                USING ERRCODE = 'invalid_text_representation',
                      HINT = 'Change these rows in the revision before the type. If the value has another name now, '
                             'use ALTER TYPE ... RENAME VALUE instead.';
        END IF;
    END LOOP;
    FOR each IN
        WITH type_users AS (
            SELECT d.classid, d.objid FROM pg_depend AS d
            WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid IN (old_type, old_array) AND d.objsubid = 0
        ), uses AS (
            SELECT attrelid, attnum FROM pg_attribute WHERE atttypid IN (old_type, old_array) AND NOT attisdropped
        )
        SELECT k.contype = 'f' AS is_reference,
               format('ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::regclass, k.conname) AS "drop",
               format('ALTER TABLE %s ADD CONSTRAINT %I %s', k.conrelid::regclass, k.conname,
                      pg_get_constraintdef(k.oid)) AS create
        FROM pg_constraint AS k
        WHERE k.conrelid <> 0 AND k.conparentid = 0 AND k.coninhcount = 0
          AND (k.contype IN ('c', 'x')
               AND (k.oid IN (SELECT objid FROM type_users WHERE classid = 'pg_constraint'::regclass)
                    OR k.conindid IN (SELECT objid FROM type_users WHERE classid = 'pg_class'::regclass))
               OR k.contype = 'f'
               AND EXISTS (SELECT FROM uses AS u
                           WHERE u.attrelid = k.conrelid AND u.attnum = ANY (k.conkey)
                              OR u.attrelid = k.confrelid AND u.attnum = ANY (k.confkey)))
        UNION ALL
        SELECT false, format('DROP INDEX %s', i.oid::regclass), pg_get_indexdef(i.oid)
        FROM pg_class AS i
        WHERE i.relkind IN ('i', 'I') AND NOT i.relispartition
          AND i.oid IN (SELECT objid FROM type_users WHERE classid = 'pg_class'::regclass)
          AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = i.oid AND k.contype IN ('p', 'u', 'x'))
        ORDER BY 1 DESC
    LOOP
        EXECUTE each."drop";
        again := each.create || again;
    END LOOP;
    -- One statement for a table, because a check can compare two of its columns. Defaults are converted beside.
    SELECT coalesce(array_agg(change ORDER BY "table", step), '{{}}') INTO changes
    FROM (SELECT a.attrelid AS "table", step,
                 format('ALTER TABLE %s ', a.attrelid::regclass) || string_agg(CASE step
                     WHEN 1 THEN format('ALTER COLUMN %I DROP DEFAULT', a.attname)
                     WHEN 2 THEN format('ALTER COLUMN %1$I TYPE %2$s USING %1$I::text%3$s::%2$s', a.attname,
                                        {type} || brackets, brackets)
                     ELSE format('ALTER COLUMN %I SET DEFAULT %s', a.attname, pg_get_expr(d.adbin, d.adrelid))
                 END, ', ') AS change
          FROM pg_attribute AS a
          JOIN pg_class AS c ON c.oid = a.attrelid
          CROSS JOIN LATERAL (SELECT CASE WHEN a.atttypid = old_array THEN '[]' ELSE '' END AS brackets) AS b
          CROSS JOIN generate_series(1, 3) AS step
          LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
          WHERE a.atttypid IN (old_type, old_array) AND c.relkind IN ('r', 'p') AND NOT a.attisdropped
            AND a.attinhcount = 0 AND (step = 2 OR d.oid IS NOT NULL)
          GROUP BY a.attrelid, step) AS steps;
    EXECUTE format('ALTER TYPE %s RENAME TO %I', {type}, left({name}, 50) || '_replaced');
    EXECUTE {create};
    FOREACH statement IN ARRAY changes LOOP
        EXECUTE statement;
    END LOOP;
    EXECUTE format('DROP TYPE %s', old_type::regtype);
    FOREACH statement IN ARRAY again LOOP
        EXECUTE statement;
    END LOOP;
END
$tenantry$;
