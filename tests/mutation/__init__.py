"""Faults written into the rooms by hand, each of which some test must notice (docs/mutation.md)."""
