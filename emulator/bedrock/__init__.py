"""A fake of the `bedrock-runtime` API's InvokeModel: images drawn from pictograms, by word."""
