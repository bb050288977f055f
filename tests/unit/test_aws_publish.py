"""How a notice is published, by the kind of its topic."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import Stubber

from meshtwin.emulator.core.aws import Aws

TOPIC = "arn:aws:sns:us-east-1:123456789012:t"


@pytest.mark.documented("https://docs.aws.amazon.com/sns/latest/api/API_Publish.html")
def test_a_fifo_topic_is_told_the_group_and_the_name_of_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    aws = Aws("us-east-1", threads=1)
    plain: dict[str, Any] = {"TopicArn": TOPIC, "Message": "m"}
    fifo = {"TopicArn": f"{TOPIC}.fifo", "Message": "m", "MessageGroupId": "e", "MessageDeduplicationId": "r"}
    with Stubber(aws.sns) as stubbed:
        for expected in (plain, fifo):
            stubbed.add_response("publish", {"MessageId": "1"}, expected)
            aws.publish(expected["TopicArn"], "m", "e", "r")
        stubbed.assert_no_pending_responses()
    aws.close()
