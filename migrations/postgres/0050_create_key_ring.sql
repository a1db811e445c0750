-- The key ring: random keys, each sealed under a key made from SECRET_KEY. Never changed but for `sealed` (another SECRET_KEY) and
-- `is_active` (a rotation), never removed: what an old key sealed must stay readable.
CREATE TABLE key_ring
(
    id text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{8}$'),
    name text NOT NULL,
    is_active boolean NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL
);

COMMENT ON COLUMN key_ring.sealed IS 'nonce (12 bytes) and AES-256-GCM ciphertext; name and id are associated data';

CREATE UNIQUE INDEX key_ring_active ON key_ring (name) WHERE is_active;

CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON key_ring
    FOR EACH STATEMENT EXECUTE FUNCTION note_directory_change();
