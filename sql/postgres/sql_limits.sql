-- name: of_project
-- What differs in one project, by role.
SELECT role, limits FROM sql_limits WHERE project_id = %(project_id)s ORDER BY role;

-- name: clear
-- As the service's settings say, again.
DELETE FROM sql_limits WHERE project_id = %(project_id)s;

-- name: insert
-- What differs for one role.
INSERT INTO sql_limits (project_id, role, limits) VALUES (%(project_id)s, %(role)s, %(limits)s);
