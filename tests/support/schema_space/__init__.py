"""The space of schemas: models that are generated, and what must hold for each of them."""
