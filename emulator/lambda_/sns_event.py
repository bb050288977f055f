"""A notice of SNS, as it arrives in a queue, as the event that a subscribed function gets.

https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
"""

from __future__ import annotations

import json
from typing import Any


class NotANoticeError(ValueError):
    """The queue holds something that SNS has not sent."""


def sns_event(body: str, subscription_arn: str) -> dict[str, Any]:
    """The event for a message of a queue that gets no raw messages.

    Raises:
        NotANoticeError: the body is not a notice.
    """
    try:
        notice = json.loads(body)
        sns = {
            "SignatureVersion": notice.get("SignatureVersion", "1"),
            "Timestamp": notice["Timestamp"],
            "Signature": notice.get("Signature", ""),
            "SigningCertUrl": notice.get("SigningCertURL", ""),
            "MessageId": notice["MessageId"],
            "Message": notice["Message"],
            "MessageAttributes": notice.get("MessageAttributes", {}),
            "Type": "Notification",
            "UnsubscribeUrl": notice.get("UnsubscribeURL", ""),
            "TopicArn": notice["TopicArn"],
            "Subject": notice.get("Subject"),
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotANoticeError(f"{body[:200]!r}: {error!r}") from None
    record = {
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription_arn,
        "EventSource": "aws:sns",
        "Sns": sns,
    }
    return {"Records": [record]}
