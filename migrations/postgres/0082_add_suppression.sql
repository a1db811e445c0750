-- Groups of fewer learners than this are shown on no dashboard; NULL: all are.
ALTER TABLE projects ADD COLUMN suppress_below integer CHECK (suppress_below BETWEEN 2 AND 1000);
