"""The AI Agents service: service desks of tenants, and the history of enhancements of their tickets."""
