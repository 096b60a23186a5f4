"""The web floor: what a FastAPI service on a shared PostgreSQL needs at its edge.

Import from the modules: each holds one concept, and FastAPI (which takes most of a second to import) is paid for by
those alone that use it. `tokens`, `settings` and `signature` do without it, so that a service's settings load fast.
"""
