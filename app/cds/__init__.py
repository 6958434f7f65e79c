"""What the CDS Hooks services are given of this application, and what is kept and counted of their cards."""
