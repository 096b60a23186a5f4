"""Where a database is and how to log in, read from any spelling that people paste.

The invariant: no error and no repr made here repeats a value of the text that was read, because a mistyped address has
its password in unexpected places. `spelling` turns text into libpq's keywords, `host` and `tls` read their share of
them, `Address` puts them together, and `Origin` knows which variable to blame.
"""

from __future__ import annotations

from tenantry.address.address import Address
from tenantry.address.host import Host
from tenantry.address.origin import Origin
from tenantry.address.tls import TLS

__all__ = ["TLS", "Address", "Host", "Origin"]
