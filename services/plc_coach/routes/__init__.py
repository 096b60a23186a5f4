"""The API: sessions, conversations, messages, share links and search."""
