"""The API: signing up, signing in, the own account, and the users of a tenant."""
