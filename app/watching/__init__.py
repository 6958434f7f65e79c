"""Whether the model deserves its place at a site: its switches, what it predicted, what came of it."""
