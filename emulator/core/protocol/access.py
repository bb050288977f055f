"""The access key that a server requires of its callers: other users of the machine reach 127.0.0.1 too.

The key is the access key ID that every AWS SDK sends in clear with each request, in its signature or in a
presigned URL: a long random one, made for one run, is as good as a password there, and no SDK has to be
changed. The signature itself is not verified. That would need each body before its caller is known and a
canonical form in which SDKs differ, to keep out only those who have seen the ID, on the owner's own loopback.
So a presigned URL gives away the key.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
"""

from __future__ import annotations

import os
import re
from hmac import compare_digest
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "AWS_ACCESS_KEY_ID"

_AUTHORIZATION = re.compile(rb"AWS4[\w-]* +.*?\bCredential=([^/,\s]+)|AWS ([^:\s]+):|Bearer +(\S+)")
"""Signature versions 4 and 2, and a bearer token for callers without an SDK."""

_QUERY = ("X-Amz-Credential", "AWSAccessKeyId")
"""Where presigned URLs have it, by signature version 4 and 2."""


class AccessKeyError(ValueError):
    """A key is required, and this process has none."""


class AccessKey:
    """The one access key ID with which requests are served."""

    def __init__(self, key_id: str) -> None:
        self._key_id = key_id.encode()

    def admits(self, headers: Mapping[bytes, bytes], query: bytes = b"") -> bool:
        """Whether a request names the key. Header names are in lower case."""
        return compare_digest(named_key(headers, query), self._key_id)


def named_key(headers: Mapping[bytes, bytes], query: bytes) -> bytes:
    """The access key ID of a request, empty where it has none."""
    if found := _AUTHORIZATION.match(headers.get(b"authorization", b"")):
        return next(group for group in found.groups() if group is not None)
    if b"Amz-Credential" in query or b"AWSAccessKeyId" in query:
        given = parse_qs(query.decode("latin-1"))
        values = [given[name][-1] for name in _QUERY if name in given]
        if values:
            return values[0].partition("/")[0].encode()
    return b""


def own_key(*, required: bool) -> AccessKey | None:
    """This process's own access key ID, which its callers have to use too, where one is `required`.

    Raises:
        AccessKeyError: it has none.
    """
    if not required:
        return None
    key_id = os.environ.get(VARIABLE)
    if not key_id:
        raise AccessKeyError(f"require_key is set and {VARIABLE} is not: set it to the key of all callers")
    return AccessKey(key_id)
