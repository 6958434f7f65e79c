"""What the CDS Hooks services are given of this application."""
