-- The schema of the Items service, for an empty database:
--     psql -v ON_ERROR_STOP=1 -d items -f services/items/db/init.sql
-- Run it as a superuser. Then give the login that DB_USER names its password:  ALTER ROLE items_app PASSWORD '...';
-- This file is made from the migrations by `python -m items.db`; change those, not this.

-- Makes the owner where it is absent, and lets it create in this database and in schema public, where nobody else may.
DO $tenantry$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'items_owner') THEN
        EXECUTE 'CREATE ROLE "items_owner" NOLOGIN NOCREATEDB NOCREATEROLE';
    END IF;
    EXECUTE format('GRANT CREATE ON DATABASE %I TO %I', current_database(), 'items_owner');
    EXECUTE format('ALTER SCHEMA public OWNER TO %I', 'items_owner');
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
END
$tenantry$;

SET ROLE "items_owner";

BEGIN;

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL, 
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

-- Running upgrade  -> 0001

SET ROLE NONE;

-- Offline: makes a role where it is absent, and marks it as made by this database.
DO $tenantry$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'items_app') THEN
        EXECUTE 'CREATE ROLE "items_app" LOGIN NOCREATEDB NOCREATEROLE';
        EXECUTE format('COMMENT ON ROLE %I IS %L', 'items_app', format('Created by a migration of database %s.', current_database()));
    END IF;
END
$tenantry$;

SET ROLE "items_owner";

SET ROLE NONE;

-- Offline: makes a role where it is absent, and marks it as made by this database.
DO $tenantry$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'items_admin') THEN
        EXECUTE 'CREATE ROLE "items_admin" LOGIN NOCREATEDB NOCREATEROLE BYPASSRLS';
        EXECUTE format('COMMENT ON ROLE %I IS %L', 'items_admin', format('Created by a migration of database %s.', current_database()));
    END IF;
END
$tenantry$;

SET ROLE "items_owner";

CREATE TABLE items (
    id UUID DEFAULT gen_random_uuid() NOT NULL, 
    name VARCHAR(255) NOT NULL, 
    description TEXT, 
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
    CONSTRAINT items_pkey PRIMARY KEY (id), 
    CONSTRAINT items_name_not_empty CHECK (length(trim(name)) > 0)
);

CREATE INDEX idx_items_created_at ON items (created_at DESC);

CREATE INDEX idx_items_name ON items (name);

CREATE OR REPLACE FUNCTION "public"."update_updated_at_column"() RETURNS trigger LANGUAGE "plpgsql" VOLATILE SET search_path = "pg_catalog" AS $function$
BEGIN
    NEW.updated_at = clock_timestamp();
    RETURN NEW;
END;
$function$;

REVOKE ALL ON FUNCTION "public"."update_updated_at_column"() FROM PUBLIC;

CREATE TRIGGER "trigger_items_updated_at" BEFORE UPDATE ON "public"."items" FOR EACH ROW EXECUTE FUNCTION "public"."update_updated_at_column"();

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE "public"."items" TO "items_app";

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE "public"."items" TO "items_admin";

INSERT INTO alembic_version (version_num) VALUES ('0001') RETURNING alembic_version.version_num;

-- A column, and not a table of its own: whatever knows Alembic's table leaves it alone.
ALTER TABLE "public"."alembic_version" ADD COLUMN IF NOT EXISTS checksums jsonb;

-- Changes the checksums. With several heads each row has all of them, because a merge deletes rows.
UPDATE "public"."alembic_version" SET checksums = coalesce(
    (SELECT jsonb_object_agg(e.key, e.value) FROM "public"."alembic_version" AS v, jsonb_each(v.checksums) AS e), '{}'::jsonb
) || '{"0001": "43fad5a9584b9782"}'::jsonb;

COMMIT;

BEGIN;

-- Running upgrade 0001 -> 0002

CREATE TABLE idempotency_keys (
    key VARCHAR(255) NOT NULL, 
    fingerprint VARCHAR(64) NOT NULL, 
    answer JSONB, 
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_idempotency_keys PRIMARY KEY (key)
);

CREATE INDEX ix_idempotency_keys_expires_at ON idempotency_keys (expires_at);

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE "public"."idempotency_keys" TO "items_app";

GRANT DELETE, INSERT, SELECT, UPDATE ON TABLE "public"."idempotency_keys" TO "items_admin";

UPDATE alembic_version SET version_num='0002' WHERE alembic_version.version_num = '0001';

-- Changes the checksums. With several heads each row has all of them, because a merge deletes rows.
UPDATE "public"."alembic_version" SET checksums = coalesce(
    (SELECT jsonb_object_agg(e.key, e.value) FROM "public"."alembic_version" AS v, jsonb_each(v.checksums) AS e), '{}'::jsonb
) || '{"0002": "618aed2f15eefba0"}'::jsonb;

COMMIT;

-- Offline: lets the roles that exist by now read the version table.
DO $tenantry$
DECLARE
    role text;
BEGIN
    FOR role IN SELECT rolname FROM pg_roles WHERE rolname IN ('items_app', 'items_admin') AND to_regclass('"public"."alembic_version"') IS NOT NULL
                ORDER BY rolname LOOP
        EXECUTE format('GRANT SELECT ON TABLE %s TO %I', '"public"."alembic_version"', role);
    END LOOP;
END
$tenantry$;

RESET ROLE;
