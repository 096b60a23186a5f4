"""Floor 4: whether a database keeps the promises of its models.

`audit` reads the catalog, and `isolation` attacks a scratch copy. `scratch` makes the copy, and `rows` fills it.
"""
