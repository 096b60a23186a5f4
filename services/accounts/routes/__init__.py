"""The API: signing up and in, oneself, and the users of one's tenant."""
