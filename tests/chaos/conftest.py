"""Tests that start, kill and hold up whole installations take minutes: they run by `make chaos` only."""

import os

collect_ignore_glob = [] if os.environ.get("CHAOS") else ["test_*.py"]  # noqa: TID251
