"""Seats as containers of a Docker engine."""
