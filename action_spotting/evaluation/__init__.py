"""How good spots are, and why: scores, checks, comparisons, reports. No TensorFlow.

``scoring``            average-mAP of tables in memory, as SoccerNet computes it or exactly
``matching``           which spot finds which label
``average_precision``  precision, recall and AP from counts and ranks
``resampling``         95 % intervals and paired comparisons: the bootstrap over games
``game_set``           labels and spots of a split, brought together
``video_bounds``       positions behind the end of a video
``evaluate``           from two folders or zips to scores
``tables``             scores as text
``diagnosis``          misses, false positives, the confusion matrix
``report``             the HTML report
``figures``            its curves, and those for papers
"""
