"""The API: signing up and in, oneself, and the users of one's tenant."""

from accounts.routes.access import router as access
from accounts.routes.users import router as users

__all__ = ["access", "users"]
