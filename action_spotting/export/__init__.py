"""Spots for people: files of other tools, a reel, an overlay, thumbnails.

``match``       the spots of one match as people read them; choosing among them
``formats``     one small module a format
``registry``    all formats by name; writing them
``folder``      whole folders or zips of results
``challenge``   the zip that SoccerNet's server takes
``captions``    texts as pictures, when they show, how they are drawn on a frame
``media``       decoding, and encoding to H.264 and AAC
``reel``        the strongest moments, one after another
``ticker``      the broadcast with its spots
``thumbnails``  the strongest frames as JPEG
"""
