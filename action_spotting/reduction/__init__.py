"""PCA: fitted in one pass, saved as the original's pickles."""
