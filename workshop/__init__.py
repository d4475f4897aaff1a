"""Seats for a hands-on class, from a Binder repository, without participant accounts."""

__version__ = "0.1.0"
