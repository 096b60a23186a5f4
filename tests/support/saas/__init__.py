"""The shapes of well-known kinds of products, as teams write them: ordinary models, without a thought of tenants."""
