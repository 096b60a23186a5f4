"""The Accounts service: tenants, their users, and how a user signs in."""
