"""The checks of `tenantry doctor`."""

from tenantry.commands.doctor.project import check_up
from tenantry.commands.doctor.verdict import Verdict

__all__ = ["Verdict", "check_up"]
