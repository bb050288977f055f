"""Profiles, the command line and deployment: what starts, calls and packages the other packages."""
