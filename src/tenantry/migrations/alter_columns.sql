-- name: conversion
-- How PostgreSQL converts type $1 to type $2: by assignment, which ALTER COLUMN TYPE does unasked; by an explicit cast;
-- or only by way of text. The members of arrays are converted like values of their own.
WITH types AS (
    SELECT member.oid, member.typcategory = 'S' AS is_text, side
    FROM (VALUES (1, to_regtype($1)), (2, to_regtype($2))) AS given (side, type)
    JOIN pg_type AS t ON t.oid = given.type
    JOIN pg_type AS base ON base.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
    JOIN pg_type AS member ON member.oid = CASE WHEN base.typcategory = 'A' THEN base.typelem ELSE base.oid END
)
SELECT coalesce(
    (SELECT CASE WHEN s.oid = t.oid OR t.is_text OR c.castcontext IN ('a', 'i') THEN 'assignment'
                 WHEN c.castcontext = 'e' OR s.is_text THEN 'explicit'
                 ELSE 'text' END
     FROM types AS s
     JOIN types AS t ON s.side = 1 AND t.side = 2
     LEFT JOIN pg_cast AS c ON c.castsource = s.oid AND c.casttarget = t.oid
     LIMIT 1), 'text');
