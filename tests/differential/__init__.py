"""Our staging against a plain re-derivation and against other implementations, on every series we may use.

`python -m tests.differential.report --data ../shared/data` writes docs/staging-differential.md.
"""
