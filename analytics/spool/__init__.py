"""Events on disk before they are acknowledged."""
