"""A scratch copy of a database, for a proof that may change anything in it."""
