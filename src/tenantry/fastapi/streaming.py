"""A streamed response that ends its generator, and with it the unit of work that the generator opened.

Starlette stops reading the generator when the client leaves, and does not close it. It would be closed when it is
collected; until then, its unit of work would hold a connection of the pool and its transaction.
"""

from __future__ import annotations

import anyio
from starlette.responses import StreamingResponse
from starlette.types import Send

__all__ = ["ClosingStreamingResponse"]


class ClosingStreamingResponse(StreamingResponse):
    """A `StreamingResponse` that closes its asynchronous generator at its end, also if the client leaves before."""

    async def stream_response(self, send: Send) -> None:
        """Send the chunks of the generator, then close it."""
        try:
            await super().stream_response(send)
        finally:
            close = getattr(self.body_iterator, "aclose", None)
            if close is not None:
                # Starlette cancels this scope when the client leaves; the ROLLBACK must be sent all the same.
                with anyio.CancelScope(shield=True):
                    await close()
