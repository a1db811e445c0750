"""HTTP routes, a router per resource."""
