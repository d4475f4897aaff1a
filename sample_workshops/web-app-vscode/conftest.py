"""Lets the tests import `app` from here, from wherever they are started."""
