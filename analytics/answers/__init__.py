"""Questions as people save them: bound to parameters, run as their project, answered as a table."""
