"""The proof of isolation by attack: a ground to attack on, a catalogue of attacks, and a harness that tries them."""
