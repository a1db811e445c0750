"""The fence around foreign SQL: what an analyst may ask, and how the engine is made to answer only that."""
