"""Floor 3: a service at a place. `Deployment` is the only thing that resolves where a service's database is."""

from tenantry.deployment.deployment import Deployment
from tenantry.deployment.opening import load_deployments, open_deployments

__all__ = ["Deployment", "load_deployments", "open_deployments"]
