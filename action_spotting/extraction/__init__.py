"""Jobs, the driver, shared decoding, clusters and the registry of features."""
