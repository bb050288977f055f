"""The operations of Application Auto Scaling that concern SageMaker's variants."""
