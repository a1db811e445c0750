-- name: page
-- Members of a project by address; `after` is the last address of the page before.
SELECT u.email, u.name, m.role, m.created_at
FROM members m JOIN users u ON u.id = m.user_id
WHERE m.project_id = %(project_id)s AND (%(after)s::text IS NULL OR lower(u.email) > %(after)s::text)
ORDER BY lower(u.email)
LIMIT %(limit)s;

-- name: role
-- The role of a person in a project, locked, or none.
SELECT role FROM members WHERE project_id = %(project_id)s AND user_id = %(user_id)s FOR UPDATE;

-- name: put
-- Make a person a member, or change the role.
INSERT INTO members (project_id, user_id, role, created_at)
VALUES (%(project_id)s, %(user_id)s, %(role)s, %(created_at)s)
ON CONFLICT (project_id, user_id) DO UPDATE SET role = excluded.role
RETURNING created_at;

-- name: remove
-- End a membership.
DELETE FROM members WHERE project_id = %(project_id)s AND user_id = %(user_id)s RETURNING role;
