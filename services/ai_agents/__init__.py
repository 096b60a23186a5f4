"""The AI Agents service: tenants' service desks, and the history of what was added to their tickets."""
