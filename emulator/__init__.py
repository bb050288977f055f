"""SageMaker Asynchronous Inference on a developer's machine, in front of any SageMaker container."""
