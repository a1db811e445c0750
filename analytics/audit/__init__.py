"""Who did what to what: the words of the audit trail and the chain that seals it, without any store."""
