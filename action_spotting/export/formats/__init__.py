"""One module a format: ``export_x(match, window) -> str``, pure.

Every exporter takes a `Match` and a `Window`; formats that name points in time, not stretches,
leave the window aside.
"""
