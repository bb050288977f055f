"""Answers of AWS that are all there, or an error of botocore's own, after its own retries.

botocore has urllib3 not check Content-Length, and checks it itself for streamed bodies alone
(https://github.com/aws/aws-cli/pull/10622): any other answer whose connection is cut is a success with
nothing in it. Beside the packages, as those that call AWS may not import each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from botocore.client import BaseClient
from botocore.exceptions import ConnectionClosedError
from botocore.parsers import ResponseParserError
from botocore.response import StreamingBody

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse

Client = TypeVar("Client", bound=BaseClient)

_HTTP_1_1 = 11
_WITHOUT_BODY = frozenset({204, 304})
_REDIRECTION = 300


def refuse_cut_answers(client: Client) -> Client:
    """The client, for which an answer that is cut off, or not in its service's format, is an error."""
    inside: Any = client
    session = inside._endpoint.http_session  # noqa: SLF001  # below botocore's own retries
    call = inside._make_api_call  # noqa: SLF001  # the one door of all calls

    def send_whole(request: Any) -> Any:  # noqa: ANN401  # botocore's
        answer = type(session).send(session, request)
        if request.stream_output and answer.status_code >= _REDIRECTION:
            # An error, which the caller gets no stream of: botocore would read it where nothing retries.
            answer._content = StreamingBody(answer.raw, None).read()  # type: ignore[arg-type]  # noqa: SLF001
        if _is_cut_off(request, answer):
            answer.raw.close()
            raise ConnectionClosedError(request=request, endpoint_url=request.url)
        return answer

    def call_in_its_language(operation: str, params: object) -> object:
        try:
            return call(operation, params)
        except ResponseParserError as error:
            # No error of botocore's own family: nobody who waits for a service that is away expects it.
            raise ConnectionClosedError(endpoint_url=client.meta.endpoint_url, error=error) from error

    session.send = send_whole
    inside._make_api_call = call_in_its_language  # noqa: SLF001  # as above
    return client


def _is_cut_off(request: AWSPreparedRequest, answer: AWSResponse) -> bool:
    """Whether the headers, or the body, of an answer have an end that is missing.

    Chunks and streams are not checked: whoever reads them misses their end.
    """
    if request.method == "HEAD" or answer.status_code in _WITHOUT_BODY or answer.raw.version < _HTTP_1_1:
        return False
    length = answer.headers.get("Content-Length")
    if length is None:
        return "Transfer-Encoding" not in answer.headers
    is_streamed = request.stream_output and answer.status_code < _REDIRECTION
    return not is_streamed and len(answer.content) != int(length)
