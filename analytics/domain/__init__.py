"""The field's nouns as frozen dataclasses and pure functions: no I/O."""
