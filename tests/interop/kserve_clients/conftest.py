"""Imports kserve, which reads the command line when it is imported."""

import sys
from unittest import mock

with mock.patch.object(sys, "argv", ["kserve"]):
    import kserve  # noqa: F401
