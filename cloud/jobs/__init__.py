"""A job as its client sees it: handed in, waited for."""
