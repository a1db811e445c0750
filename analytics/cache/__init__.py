"""Redis: live counters and what can be rebuilt."""
