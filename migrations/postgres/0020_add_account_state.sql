-- A person can be shut out without being forgotten. `credentials_version` rises with everything that ends all sign-ins of a person (another
-- password, sign-out everywhere, being shut out): a sign-in that was being checked meanwhile finds another number and begins nothing.
ALTER TABLE users
    ADD COLUMN disabled_at timestamptz,
    ADD COLUMN credentials_version integer NOT NULL DEFAULT 1,
    ADD COLUMN last_sign_in_at timestamptz;
