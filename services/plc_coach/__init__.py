"""The PLC Coach service: conversations of educators with an assistant, shared within an organisation."""
