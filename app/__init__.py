"""Composition root: settings, the Flask application, sessions, pages, errors and the `aki` command line."""
