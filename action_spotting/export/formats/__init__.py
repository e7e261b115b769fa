"""One module a format: ``export_x(timeline, window)`` gives a text, or bytes; pure.

Every exporter takes a `Timeline` and a `Window`; formats that name points in time, not stretches,
leave the window aside.
"""
