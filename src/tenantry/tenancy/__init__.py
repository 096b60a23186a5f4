"""Floor 3: tenant isolation: declarations on models, policies, and units of work."""
