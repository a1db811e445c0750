"""Keys and what is done with them: secrets sealed at rest, personal values hashed or encrypted."""
