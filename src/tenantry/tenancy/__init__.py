"""Floor 3: what keeps tenants apart, declared on models and held by the unit of work."""
