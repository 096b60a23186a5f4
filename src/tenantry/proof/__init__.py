"""Floor 4: whether a database holds what the models promise: by looking (`audit`), later by trying."""
