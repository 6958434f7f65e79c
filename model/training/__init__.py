"""Offline: from cohort tables to the committed artifact. Needs the training group (numpy, pyarrow)."""
