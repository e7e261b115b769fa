"""The names of the visual room's choices; imports nothing, so that ``--help`` answers at once."""

TRANSFORMS = ("crop", "resize", "resize256crop224")
SAMPLINGS = ("soccernet", "timestamp")
GRABBERS = ("pyav", "opencv", "skvideo")
CHANNEL_ORDERS = ("soccernet", "rgb")
PRECISIONS = ("float32", "bfloat16", "float16")
ENGINES = ("tensorflow", "openvino")
VIDEOS = ("LQ", "720p", "HQ")
