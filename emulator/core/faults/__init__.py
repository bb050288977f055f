"""Faults by rule: what goes wrong on purpose, where, and how often."""
