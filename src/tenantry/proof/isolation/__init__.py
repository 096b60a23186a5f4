"""The proof of isolation by attack: a filled scratch database, a catalogue of attacks, and their runner."""
