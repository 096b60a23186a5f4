"""Database addresses: hosts, database, login and TLS, parsed from a URL or from `keyword=value` text.

The invariant: no error and no repr repeats a value of the parsed text, because a mistyped address may have its password
in any part. `spelling` turns the text into libpq's keywords, `host` and `tls` parse their keywords, `Address` holds the
result, and `Origin` names the variable in errors.
"""

from __future__ import annotations

from tenantry.address.address import Address
from tenantry.address.host import Host
from tenantry.address.origin import Origin
from tenantry.address.tls import TLS

__all__ = ["TLS", "Address", "Host", "Origin"]
