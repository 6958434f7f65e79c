"""Load: the journeys of a hospital against a whole installation, for minutes (`make bench-load`)."""
