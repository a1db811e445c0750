-- Who somebody is at an identity provider, bound at the first sign-in by it: from then on that and no address says who comes.
CREATE TABLE oidc_identities
(
    issuer text NOT NULL,
    subject text NOT NULL,
    user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (issuer, subject),
    UNIQUE (user_id, issuer)
);

-- Sign-ins that came back from the provider, for as long as their cookie could be shown again.
CREATE TABLE oidc_used_flows
(
    flow_hash bytea PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

CREATE INDEX oidc_used_flows_by_end ON oidc_used_flows (expires_at);
