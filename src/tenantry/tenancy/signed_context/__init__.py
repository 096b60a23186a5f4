"""The signed tenant context: what the application signs, and how the database verifies it."""
