"""The Accounts service: tenants, their users, and sign-in with a password."""
