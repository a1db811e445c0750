-- Which members of a project's events are dropped, hashed or encrypted before they are written.
ALTER TABLE projects ADD COLUMN personal_fields jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(personal_fields) = 'object');
