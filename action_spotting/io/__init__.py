"""Files that appear whole or not at all; zips, pickles, pretrained files, locks."""
