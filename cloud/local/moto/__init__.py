"""moto's server for the embedded profile, with fixes, speedups, access control and a journal."""
