"""A scratch copy of a database, in which a proof may change anything."""
