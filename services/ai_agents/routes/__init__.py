"""The API: tenants, enhancements, and the webhook of the service desks."""
