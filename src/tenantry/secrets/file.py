"""An address in a mounted file, as Kubernetes, Docker and Vault's agent provide it.

Only the service's user should be able to read the file (mode 0400). The mode is not checked, because the cluster sets
it for a mounted secret, and it is often wider.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from tenantry import errors
from tenantry.address import Address, Origin
from tenantry.secrets.document import read_document
from tenantry.secrets.source import StoredSource


class FileSource(StoredSource):
    """The address in the file `path`, a URL or JSON. A refresh reads the file again.

    After a change, the earlier address is the second candidate: a rotation may write the file before the database has
    the new password.
    """

    def __init__(self, path: Path, *, defaults: Mapping[str, str] | None = None, origin: Origin | None = None) -> None:
        super().__init__()
        self.path = path
        self._defaults = defaults or {}
        self._origin = origin or Origin("DATABASE_URL_FILE")
        self._earlier: Address | None = None

    async def fetch(self) -> tuple[Address, ...]:
        """Read the file.

        Raises:
            SecretUnavailable: the file cannot be read.
            ConfigurationError: the file contains no address.
        """
        text = await asyncio.to_thread(read_text, self.path, self._origin.variable)
        address = read_document(text, self._defaults, self._origin)
        if self._address is not None and self._address != address:
            self._earlier = self._address
        return (address,) if self._earlier in {None, address} else (address, self._earlier)

    def __repr__(self) -> str:
        return f"FileSource({str(self.path)!r})"


def read_text(path: Path, variable: str) -> str:
    """Return the text of a file that a variable names.

    Raises:
        SecretUnavailable: the file cannot be read, or is not UTF-8. The error does not repeat its bytes.
    """
    try:
        # Undecodable bytes become U+FFFD; the exception of a strict decoder would carry the secret.
        text = path.read_bytes().decode(errors="replace")
    except OSError as error:
        raise errors.SecretUnavailable(
            f"{variable} names a file that cannot be read ({path}).",
            variable=variable,
            why=f"{error.strerror}.",
            remedy=f"Mount the file, let this user read it, or correct {variable}.",
        ) from error
    if "\ufffd" in text:
        raise errors.SecretUnavailable(
            f"{variable} names a file that is not UTF-8 text ({path}).",
            variable=variable,
            remedy="Write the file as UTF-8 text.",
        )
    return text
