"""Who owns the tables, requests that nobody works on, and a store that has lost everything."""
