"""How good spots are, and why: scores, checks, comparisons, reports. No TensorFlow.

``scoring``            average-mAP of arrays in memory, as SoccerNet computes it or exactly
``matching``           which spot finds which label
``average_precision``  precision, recall and AP from counts and ranks
``resampling``         95 % intervals and paired comparisons: the bootstrap over games
``archive``            JSON in a folder or in a zip that is never unpacked
``reading``            label files and results files, with all that is odd in them
``sets``               both sides of a split, brought together
``lengths``            positions behind the end of a video
``evaluate``           from two folders to scores
``tables``             scores as text
``diagnosis``          what was missed, made up, taken for what
``options``            options that two doors share
``report``             the HTML report; ``charts`` its curves, ``figures`` those for papers
"""
