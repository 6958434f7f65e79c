"""`aki stage`: KDIGO and NHS results for each row of a creatinine series."""
