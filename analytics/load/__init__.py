"""Events from files into a running service, through its front door: what `analytics load` and `analytics demo` do."""
