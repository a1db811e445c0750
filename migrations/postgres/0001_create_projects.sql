-- Projects: one tenant each. `id` is opaque and stands first in every ClickHouse key; `id_seed` seeds the hash of its event ids.
CREATE TABLE projects
(
    id text PRIMARY KEY,
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name text NOT NULL,
    timezone text NOT NULL,
    created_at timestamptz NOT NULL,
    ip_policy text NOT NULL DEFAULT 'keep' CHECK (ip_policy IN ('keep', 'cut', 'drop')),
    retention_days integer CHECK (retention_days > 0),
    event_max_bytes integer NOT NULL DEFAULT 32768 CHECK (event_max_bytes BETWEEN 1 AND 1000000),
    event_max_age_days integer CHECK (event_max_age_days > 0),
    id_seed bigint NOT NULL CHECK (id_seed >= 0)
);

COMMENT ON COLUMN projects.timezone IS 'IANA name; never changed, since per-day rows are kept in it';
COMMENT ON COLUMN projects.id_seed IS 'random and secret: no other project can aim at the hashes of this one';
