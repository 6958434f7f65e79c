"""Offline: how good the model is, on whom, and with what certainty. Needs the training group."""
