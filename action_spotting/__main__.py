"""``python -m action_spotting``: the program without its installed name."""

from action_spotting.cli.program import main

main()
