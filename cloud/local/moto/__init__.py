"""moto's server, as the embedded profile runs it."""
