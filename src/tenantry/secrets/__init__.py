"""Sources of credentials and keys: a fixed address, AWS Secrets Manager, a mounted file, and rings of keys.

The invariant: a secret is held in one object, shown by no repr and repeated by no error. A source is asked again when
the database refuses a password, so that a rotation needs no restart.
"""

from __future__ import annotations

from tenantry.secrets.aws import AWSSource
from tenantry.secrets.file import FileSource
from tenantry.secrets.key_ring import KeyRing
from tenantry.secrets.signing_ring import SigningRing
from tenantry.secrets.source import AddressSource, StaticSource

__all__ = ["AWSSource", "AddressSource", "FileSource", "KeyRing", "SigningRing", "StaticSource"]
