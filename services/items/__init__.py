"""The Items service: one table without tenants, and an API for clients that work at the same time."""
