"""What may be chosen for the visual features; imports nothing, so that ``--help`` is quick."""

SAMPLINGS = ("soccernet", "timestamp")
GRABBERS = ("pyav", "opencv", "skvideo")
TRANSFORMS = ("crop", "resize", "resize256crop224")
CHANNEL_ORDERS = ("soccernet", "rgb")
PRECISIONS = ("float32", "bfloat16", "float16", "auto")
ENGINES = ("auto", "openvino", "tensorflow", "torch", "jax")

ONNX_TRANSFORMS = ("crop", "resize", "letterbox")
RGB_ORDERS = ("rgb", "bgr")
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Of red, green, blue in [0, 1]: what most published image networks were trained with."""
