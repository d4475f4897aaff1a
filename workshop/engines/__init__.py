"""Connections that several adapters share: other programs, the Docker engine."""
