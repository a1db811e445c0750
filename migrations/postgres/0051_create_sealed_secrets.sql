-- Secrets the service must read again, sealed under the key ring. All of them are here, so that a rotation finds them.
CREATE TABLE sealed_secrets
(
    project_id text NOT NULL,
    purpose text NOT NULL,
    sealed text NOT NULL CHECK (sealed ~ '^s1:'),
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, purpose)
);

COMMENT ON COLUMN sealed_secrets.project_id IS 'empty: of the whole service';
COMMENT ON COLUMN sealed_secrets.sealed IS 's1:key id:base64url; project and purpose are associated data';
