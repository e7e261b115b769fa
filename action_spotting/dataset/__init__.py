"""Where things lie on disk: splits, games and halves, media, labels, feature files.

The only room that every other one may import. A file name is composed here and nowhere else.
"""
