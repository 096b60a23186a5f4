"""The API: sessions, conversations, their messages, what is shared of them, and search."""

from plc_coach.routes.conversations import router as conversations
from plc_coach.routes.messages import router as messages
from plc_coach.routes.sessions import router as sessions
from plc_coach.routes.sharing import router as sharing

__all__ = ["conversations", "messages", "sessions", "sharing"]
