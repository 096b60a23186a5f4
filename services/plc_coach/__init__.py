"""The PLC Coach service: educators' conversations with an assistant, shared within an organisation."""
