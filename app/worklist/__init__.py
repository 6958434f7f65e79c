"""The launch without a patient: patients opened in it, a search for another, and the way to each one's page."""
