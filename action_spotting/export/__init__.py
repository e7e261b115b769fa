"""Spots for people: files of other tools, a reel, an overlay, thumbnails.

``timeline``    the spots of one game as people read them; choosing among them
``wording``     names and times as texts that every program reads
``formats``     one small module a format
``registry``    all formats by name; writing them
``batch``       whole folders or zips of results
``challenge``   the zip that SoccerNet's server takes
``cuts``        which stretches a reel shows
``ass``         captions as a subtitle track
``footage``     a video as ffmpeg reads and writes it
``reel``        the strongest moments, one after another
``overlay``     the broadcast with its spots
``thumbnails``  the frames of the most confident spots as JPEG
"""
