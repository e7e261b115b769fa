"""What may be chosen for the visual features; imports nothing, so that ``--help`` is quick."""

SAMPLINGS = ("soccernet", "timestamp")
GRABBERS = ("pyav", "opencv", "skvideo")
TRANSFORMS = ("crop", "resize", "resize256crop224")
CHANNEL_ORDERS = ("soccernet", "rgb")
PRECISIONS = ("float32", "bfloat16", "float16", "auto")
ENGINES = ("auto", "openvino", "tensorflow", "torch", "jax")
