"""Builders of test input shared by all rooms."""
