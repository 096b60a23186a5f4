"""Tables as the models declare them, tables as the catalog has them, and the comparison of both.

Migrations and the audit both judge columns, constraints and indexes with this package, so that they find the same
differences. Nothing is compared as text that PostgreSQL could spell in another way: PostgreSQL itself prints both
sides, see `comparison`.
"""
