"""The whole chain: from a folder of matches, or one video, to scored spots and a report.

The only room that knows all the others. Heavy imports happen inside the stages, so that a run in
which everything is already there answers at once.
"""
