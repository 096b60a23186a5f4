"""The proof of isolation by attack: a filled scratch database, a catalogue of attacks, and the runner that tries them."""
