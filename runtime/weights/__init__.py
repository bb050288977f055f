"""`python -m meshtwin.runtime weights`: the hunyuan backend's weights, from Hugging Face's Hub."""
