"""AWS services on a developer's machine, SageMaker Asynchronous Inference above all."""
