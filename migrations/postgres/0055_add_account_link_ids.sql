-- Open invitations can be listed and cancelled by an id, which is no secret. The release before this one makes links without: hence the default.
ALTER TABLE account_links
    ADD COLUMN id text NOT NULL DEFAULT 'i_' || replace(gen_random_uuid()::text, '-', '');

CREATE UNIQUE INDEX account_links_by_id ON account_links (id);
