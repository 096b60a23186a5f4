"""Floor 3: a service at a place. `Deployment` says where to log in for each purpose."""

from tenantry.deployment.deployment import Deployment
from tenantry.deployment.opening import load_deployments, open_deployments

__all__ = ["Deployment", "load_deployments", "open_deployments"]
