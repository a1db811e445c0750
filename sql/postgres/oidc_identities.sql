-- name: forget_flows
-- Flows whose cookie is over.
DELETE FROM oidc_used_flows WHERE expires_at <= %(now)s;

-- name: use_flow
-- A flow came back; nothing if it did before.
INSERT INTO oidc_used_flows (flow_hash, expires_at) VALUES (%(flow_hash)s, %(expires_at)s) ON CONFLICT DO NOTHING;

-- name: person
-- Whose identity this is, with what a sign-in needs.
SELECT u.id, u.credentials_version, u.disabled_at
FROM oidc_identities i JOIN users u ON u.id = i.user_id
WHERE i.issuer = %(issuer)s AND i.subject = %(subject)s;

-- name: bind
-- An identity of somebody; nothing if it is somebody's, or if the person has another of the same provider.
INSERT INTO oidc_identities (issuer, subject, user_id, created_at) VALUES (%(issuer)s, %(subject)s, %(user_id)s, %(now)s)
ON CONFLICT DO NOTHING;

-- name: unbind
-- All identities of somebody.
DELETE FROM oidc_identities WHERE user_id = %(user_id)s;
