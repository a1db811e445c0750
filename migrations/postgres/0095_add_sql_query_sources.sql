-- What was run under a name, beside what was typed: `query:NAME` of a run, `endpoint:NAME` of an endpoint; NULL: SQL of one's own.
ALTER TABLE sql_queries ADD COLUMN source text;
