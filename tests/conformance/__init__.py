"""Which published requirement is met by which test: tables, and the documents made of them."""
