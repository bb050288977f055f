"""A stand-in for the `bedrock-runtime` API's InvokeModel: pictures drawn from pictograms, by word."""
