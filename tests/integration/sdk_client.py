"""What a user of the SageMaker Python SDK writes; it runs where the SDK is, and nothing of ours."""

from __future__ import annotations

import json
import sys

import boto3
from sagemaker.async_inference import WaiterConfig
from sagemaker.deserializers import JSONDeserializer
from sagemaker.predictor import Predictor
from sagemaker.predictor_async import AsyncPredictor
from sagemaker.serializers import JSONSerializer
from sagemaker.session import Session

endpoint, bucket = sys.argv[1:]
session = Session(boto3.session.Session(), default_bucket=bucket)
predictor = AsyncPredictor(
    Predictor(endpoint, session, serializer=JSONSerializer(), deserializer=JSONDeserializer()), name=endpoint
)
# With a failure path the SDK's threads look for the failure, too, until they have had enough.
patience = WaiterConfig(max_attempts=20, delay=1)
direct = predictor.predict(
    data={"question": 1}, input_path=f"s3://{bucket}/in/direct.json", waiter_config=patience
)
later = predictor.predict_async(data={"question": 2}, input_path=f"s3://{bucket}/in/later.json")
print(
    json.dumps(
        {
            "direct": direct,
            "later": later.get_result(waiter_config=patience),
            "failure_path": later.failure_path,
        }
    )
)
