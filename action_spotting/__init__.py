"""Football action spotting from picture and sound.

Media goes in, one ``.npy`` per half and modality lies between the stages, spots with a time and
a confidence come out, and a score says how good they are. One sub-package is one stage:

``cli``         the commands: their parsers, exit codes, the log of runs
``io``          files that appear whole or not at all, zips, pickles, pretrained files, locks
``dataset``     where things lie in a SoccerNet folder; events; feature files; media
``extraction``  jobs, the driver, shared decoding, clusters, the registry of features
``visual``      frames, ResNet-152, YOLOv5
``audio``       waveform, VGGish, FFT
``reduction``   PCA
``fusion``      the late-fusion head: chunks, network, training, peak picking
``evaluation``  scores, validation of results files, reports
``export``      files of other tools, a reel, an overlay, thumbnails
``sample``      small generated matches that need no download
``pipeline``    all of these in a row
"""

import logging

__version__ = "0.1.0"

logging.getLogger(__name__).addHandler(logging.NullHandler())
