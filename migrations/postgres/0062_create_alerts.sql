-- Questions that are asked each minute, what makes them an alarm, how they stand, and what is to be told of it.
CREATE TABLE alerts
(
    id text PRIMARY KEY,
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    name text NOT NULL,
    description text NOT NULL,
    question jsonb,
    saved_query text,
    params jsonb NOT NULL,
    condition jsonb NOT NULL,
    enabled boolean NOT NULL,
    owner text NOT NULL,
    created_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    revision integer NOT NULL DEFAULT 1,
    state text NOT NULL DEFAULT 'ok' CHECK (state IN ('ok', 'firing')),
    state_since timestamptz NOT NULL,
    next_check_at timestamptz NOT NULL,
    last_checked_at timestamptz,
    last_value double precision,
    last_error text,
    CHECK ((question IS NULL) != (saved_query IS NULL))
);

COMMENT ON COLUMN alerts.next_check_at IS 'whoever moves it on has claimed the check';
COMMENT ON COLUMN alerts.last_error IS 'code of the problem that the last check met; the state stays what it was';

CREATE INDEX alerts_of_project ON alerts (project_id, created_at, id);
CREATE INDEX alerts_due ON alerts (next_check_at) WHERE enabled;

CREATE TABLE alert_changes
(
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
    alert_id text NOT NULL,
    at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('firing', 'resolved')),
    reason text NOT NULL CHECK (reason IN ('checked', 'changed', 'disabled', 'deleted')),
    value double precision
);

COMMENT ON TABLE alert_changes IS 'history and outbox: each change of a state once, in order; outlives its alert';

CREATE INDEX alert_changes_of_alert ON alert_changes (project_id, alert_id, id);

CREATE TABLE alert_outbox
(
    change_id bigint PRIMARY KEY REFERENCES alert_changes ON DELETE CASCADE,
    project_id text NOT NULL,
    created_at timestamptz NOT NULL
);

COMMENT ON TABLE alert_outbox IS 'changes that no delivery has taken yet';
