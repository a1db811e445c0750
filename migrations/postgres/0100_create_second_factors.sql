-- A second factor beside the password: a secret that an authenticator app shares (in sealed_secrets, where a rotation finds it), and codes
-- for the day the app is lost. A row without `confirmed_at` is one that is being set up and is asked of nobody yet.
CREATE TABLE second_factors
(
    user_id text PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    last_step bigint NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0
);

COMMENT ON COLUMN second_factors.last_step IS 'the 30 seconds whose code was used last, counted from 1970: a code counts once';
COMMENT ON COLUMN second_factors.failures IS 'wrong codes since the last good one';

CREATE TABLE recovery_codes
(
    user_id text NOT NULL REFERENCES second_factors ON DELETE CASCADE,
    code_hash bytea NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

COMMENT ON COLUMN recovery_codes.code_hash IS 'HMAC-SHA256 under a key made of the sealed secret; a used code is gone';
