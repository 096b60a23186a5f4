-- What a script needs before the migrations, which expect their owner to be there.

-- name: owner_block
-- Makes the owner where it is absent, and lets it create in this database and in schema public, where nobody else may.
DO $tenantry$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {name}) THEN
        EXECUTE {statement};
    END IF;
    EXECUTE format('GRANT CREATE ON DATABASE %I TO %I', current_database(), {name});
    EXECUTE format('ALTER SCHEMA public OWNER TO %I', {name});
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
END
$tenantry$;
