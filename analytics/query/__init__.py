"""Questions: spec, plan, SQL, result."""
