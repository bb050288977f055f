"""The data plane's front: InvokeEndpointAsync and the refusal of InvokeEndpoint."""
