"""The weights of the hunyuan backend, from Hugging Face's Hub to a folder: `python -m meshtwin.runtime weights`."""
