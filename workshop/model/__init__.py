"""Immutable data that crosses layers. No input or output here."""
