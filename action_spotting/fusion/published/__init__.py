"""Spotting heads that others have trained and published, run with their authors' own rules."""
