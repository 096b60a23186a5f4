"""The service's schema as a script, for a database that is made without Python. `python -m items.db` writes it anew."""
