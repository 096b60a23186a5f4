"""Write rows that satisfy every constraint of their tables, into any database whose catalog can be read.

`fill` writes rows of several tenants into many tables in one transaction. `read_shapes` and `RowWriter` are its two
halves: the first reads what a row of a table must look like, the second writes rows into one table. This package knows
the tables by the catalog alone; what a service declares reaches it as plain arguments.
"""

from tenantry.proof.rows.factories import Factory, call_factory
from tenantry.proof.rows.fill_tables import ROWS, TenantRefused, ValuesFor, fill
from tenantry.proof.rows.references import Rows
from tenantry.proof.rows.row_writer import RowWriter, TextRow
from tenantry.proof.rows.shape import Column, Constraint, Key, Shape, Type, read_shapes

__all__ = [
    "ROWS",
    "Column",
    "Constraint",
    "Factory",
    "Key",
    "RowWriter",
    "Rows",
    "Shape",
    "TenantRefused",
    "TextRow",
    "Type",
    "ValuesFor",
    "call_factory",
    "fill",
    "read_shapes",
]
