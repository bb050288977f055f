"""SageMaker Asynchronous Inference, Application Auto Scaling and what belongs to them."""
