-- A write key may end by itself, as one does that was rotated, and may be good for pages of some origins only (none named: of any).
ALTER TABLE write_keys
    ADD COLUMN ends_at timestamptz,
    ADD COLUMN allowed_origins text[] NOT NULL DEFAULT '{}';

COMMENT ON COLUMN write_keys.ends_at IS 'from then on it is as good as revoked';
