"""The way in: decode, validate, enrich, spool."""
