"""The work behind the commands that need both migrations and the proof, without parsing and printing.

A module has its command's name. Other commands call a function of a lower package directly.
"""
