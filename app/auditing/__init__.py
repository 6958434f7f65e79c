"""The audit trail: its links, anchors, review, and changes of settings."""
