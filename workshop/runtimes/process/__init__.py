"""Seats as processes of this machine: no isolation, for a look and for tests."""
