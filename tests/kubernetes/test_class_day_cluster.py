"""A class day on a real cluster."""

import pytest

from tests.kubernetes.class_day import *  # noqa: F403

pytestmark = pytest.mark.cluster
CLUSTER = "real"
