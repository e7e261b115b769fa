"""Commands: what they share, and a module for each with its parser and `main`."""
