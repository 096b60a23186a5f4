"""The Items service: one table without tenants, through an API that two clients can use at once."""
