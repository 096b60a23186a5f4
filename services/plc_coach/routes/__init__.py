"""The API: sessions, conversations, their messages, what is shared of them, and search."""
