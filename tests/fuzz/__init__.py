"""Charts spoiled on purpose: `python -m tests.fuzz.charts`."""
