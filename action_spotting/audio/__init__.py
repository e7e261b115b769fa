"""Sound: from a media file to the features VGGish (512 numbers) and FFT (48), two rows a second."""
