-- What a health check asks a server.

-- name: server_state
-- Table $1 holds the schema's revision; it may be missing, or not ours to read, and neither may make the statement fail.
-- So its rows are fetched by a text that names the table only where it can be read. Of the functions that run a text,
-- query_to_xml() is missing from builds without libxml; ts_stat() is in all, and takes each revision as one lexeme.
SELECT pg_is_in_recovery() AS in_recovery,
       current_setting('server_version') AS server_version,
       ARRAY(SELECT word
             FROM ts_stat(CASE WHEN has_table_privilege(to_regclass($1), 'SELECT')
                               THEN format('SELECT array_to_tsvector(ARRAY[version_num::text]) FROM %s
                                            WHERE version_num <> ''''', to_regclass($1))
                               ELSE 'SELECT NULL::tsvector WHERE false' END)
             ORDER BY 1) AS revisions
