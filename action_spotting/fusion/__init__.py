"""The late-fusion head: training on extracted features, spotting, what each modality adds."""
