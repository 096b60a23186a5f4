"""Every way in which the tests break the healthy full schema; the audit or the proof must fail for each."""

from sabotage.keys import KEYS
from sabotage.model import Sabotage, names_of
from sabotage.policies import POLICIES
from sabotage.privileges import PRIVILEGES
from sabotage.reach import REACH
from sabotage.roles import ROLES
from sabotage.routines import ROUTINES
from sabotage.row_security import ROW_SECURITY
from sabotage.tables import TABLES

__all__ = ["SABOTAGES", "Sabotage", "names_of"]

SABOTAGES = (*ROW_SECURITY, *POLICIES, *PRIVILEGES, *ROUTINES, *ROLES, *TABLES, *KEYS, *REACH)
