"""A local twin of SageMaker Asynchronous Inference, and an image-to-3D container to run behind it."""
