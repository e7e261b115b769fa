"""Football action spotting from picture and sound.

Media goes in, one ``.npy`` per half and modality lies between the stages, spots with a time and
a confidence come out, and a score says how good they are. One sub-package is one stage:

``dataset``     where things lie in a SoccerNet folder; labels; feature files
``visual``      frames, ResNet-152, YOLOv5, PCA
``audio``       waveform, VGGish, FFT
``fusion``      the late-fusion head: windows, network, training, spotting
``evaluation``  scores, validation of results files, reports
``export``      files of other tools, a reel, an overlay, thumbnails
``sample``      small generated matches that need no download
``pipeline``    all of these in a row
"""

__version__ = "0.1.0"
