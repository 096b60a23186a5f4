"""Alembic operations for all schema objects; importing this package registers them on `alembic.op`."""

from tenantry.migrations.operations.base import CreateOp, DropOp, ObjectOp
from tenantry.migrations.operations.comments import SetCommentOp
from tenantry.migrations.operations.extensions import CreateExtensionOp, DropExtensionOp
from tenantry.migrations.operations.functions import CreateFunctionOp, DropFunctionOp
from tenantry.migrations.operations.grants import GrantOp, RevokeOp
from tenantry.migrations.operations.partitions import CreateHashPartitionsOp, DropHashPartitionsOp, LeavePartitionsOp
from tenantry.migrations.operations.policies import CreatePolicyOp, DropPolicyOp
from tenantry.migrations.operations.roles import CreateRoleOp, DropRoleOp
from tenantry.migrations.operations.row_security import DisableRowSecurityOp, EnableRowSecurityOp, SetRowSecurityOp
from tenantry.migrations.operations.schemas import CreateSchemaOp, DropSchemaOp
from tenantry.migrations.operations.sequences import (
    AlterSequenceOp,
    CreateSequenceOp,
    CreateSerialOp,
    DropSequenceOp,
    DropSerialOp,
)
from tenantry.migrations.operations.triggers import CreateTriggerOp, DropTriggerOp
from tenantry.migrations.operations.types import (
    AlterEnumOp,
    CreateDomainOp,
    CreateEnumOp,
    DropDomainOp,
    DropEnumOp,
)
from tenantry.migrations.operations.views import CreateViewOp, DropViewOp

__all__ = [
    "AlterEnumOp",
    "AlterSequenceOp",
    "CreateDomainOp",
    "CreateEnumOp",
    "CreateExtensionOp",
    "CreateFunctionOp",
    "CreateHashPartitionsOp",
    "CreateOp",
    "CreatePolicyOp",
    "CreateRoleOp",
    "CreateSchemaOp",
    "CreateSequenceOp",
    "CreateSerialOp",
    "CreateTriggerOp",
    "CreateViewOp",
    "DisableRowSecurityOp",
    "DropDomainOp",
    "DropEnumOp",
    "DropExtensionOp",
    "DropFunctionOp",
    "DropHashPartitionsOp",
    "DropOp",
    "DropPolicyOp",
    "DropRoleOp",
    "DropSchemaOp",
    "DropSequenceOp",
    "DropSerialOp",
    "DropTriggerOp",
    "DropViewOp",
    "EnableRowSecurityOp",
    "GrantOp",
    "LeavePartitionsOp",
    "ObjectOp",
    "RevokeOp",
    "SetCommentOp",
    "SetRowSecurityOp",
]
