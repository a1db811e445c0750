-- Who answers for the questions written in a dashboard. NULL: it was last changed before this was kept.
ALTER TABLE dashboards ADD COLUMN changed_by text;
