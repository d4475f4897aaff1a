"""A class day against an API server over real HTTP, where there is no cluster."""

from tests.kubernetes.class_day import *  # noqa: F403

CLUSTER = "memory"
