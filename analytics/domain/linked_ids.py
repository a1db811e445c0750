"""The event that names a person's former id. Its name and its property mean this wherever events are looked at one by one."""

ALIAS = "$alias"
PREVIOUS_ID = "previous_id"
PREVIOUS_ID_FIELD = f"properties.{PREVIOUS_ID}"
