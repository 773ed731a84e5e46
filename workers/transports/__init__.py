"""The ways in which a composed mail leaves this machine."""
