"""From an accepted launch to its end: the session, its token, what was granted."""
