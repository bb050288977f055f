"""Lambda's Invoke, and the operations that say which functions there are, against boto3 and raw HTTP."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.support.serverless import ARN, FUNCTIONS, Hosting, run_serverless
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INVOKE = "https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"
LIMITS = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
RETRIES = "https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"
CONTEXT = "https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"
VARIABLES = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"
SEEN = "https://github.com/floci-io/floci/issues/3314"
SIZES = "https://zaccharles.medium.com/deep-dive-lambdas-request-payload-size-limit-2-2-6350c1ae5577"

PATH = "/2015-03-31/functions/echo/invocations"
MIB = 1024 * 1024

pytestmark = pytest.mark.operation("Invoke")


@pytest.fixture(scope="module")
def hosting(tmp_path_factory: pytest.TempPathFactory, profile: str) -> Iterator[Hosting]:
    if profile == "sagemaker":
        pytest.skip("needs the functions of this suite")
    code = tmp_path_factory.mktemp("code")
    (code / "broken.py").write_text("def handler(:\n")
    (code / "raising.py").write_text("raise KeyError('at the start')\n")
    functions: dict[str, dict[str, Any]] = {
        name: {"handler": f"basic.{name}"} for name in ("echo", "say", "fail", "leave", "die", "unanswerable")
    }
    functions |= {
        "look": {"handler": "basic.look", "environment": {"COLOUR": "red"}, "memory": 256, "timeout": 30},
        "slow": {"handler": "basic.sleep", "timeout": 1},
        "one": {"handler": "basic.sleep", "concurrency": 1, "timeout": 60},
        "fill": {"handler": "basic.fill", "timeout": 60},
        "grow": {"handler": "basic.grow", "memory": 512, "timeout": 60},
        "lost": {"handler": "nowhere.handler"},
        "missing": {"handler": "basic.nothing"},
        "broken": {"handler": "broken.handler", "code": str(code)},
        "raising": {"handler": "raising.handler", "code": str(code)},
    }
    # Retries come a hundred times as soon.
    with run_serverless(tmp_path_factory.mktemp("invoke"), functions, options=("--speed", "100")) as running:
        yield running


@pytest.fixture(scope="module")
def lambda_(hosting: Hosting) -> Iterator[Any]:
    made = hosting.client("lambda")
    yield made
    made.close()


def error_of(answer: Any) -> dict[str, Any]:
    assert answer["StatusCode"] == 200
    assert answer["FunctionError"] == "Unhandled"
    found: dict[str, Any] = json.loads(answer["Payload"].read())
    return found


def refused(call: Any, **params: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    response: Any = caught.value.response
    return (
        response["ResponseMetadata"]["HTTPStatusCode"],
        response["Error"]["Code"],
        response["Error"]["Message"],
    )


@pytest.mark.documented(INVOKE)
@pytest.mark.parametrize("payload", [{"a": [1, "é"]}, [], "text", 1.5, None])
def test_a_result_comes_back_as_json(lambda_: Any, payload: object) -> None:
    answer = lambda_.invoke(FunctionName="echo", Payload=json.dumps(payload))
    assert json.loads(answer["Payload"].read()) == payload
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in answer


@pytest.mark.assumed
def test_no_payload_is_an_empty_object(lambda_: Any) -> None:
    assert json.loads(lambda_.invoke(FunctionName="echo")["Payload"].read()) == {}


@pytest.mark.documented(INVOKE)
@pytest.mark.parametrize(
    "reference", ["echo", "echo:$LATEST", "123456789012:function:echo", f"{ARN}echo", f"{ARN}echo:$LATEST"]
)
def test_a_function_is_known_by_name_and_by_arn(lambda_: Any, reference: str) -> None:
    assert lambda_.invoke(FunctionName=reference, Payload=b"1")["Payload"].read() == b"1"
    assert lambda_.get_function(FunctionName=reference)["Configuration"]["FunctionName"] == "echo"


@pytest.mark.documented(INVOKE)
def test_a_qualifier_may_stand_apart(lambda_: Any) -> None:
    assert lambda_.invoke(FunctionName="echo", Qualifier="$LATEST", Payload=b"1")["Payload"].read() == b"1"


@pytest.mark.botocore_model
@pytest.mark.parametrize(
    ("name", "arn"),
    [
        ("nobody", f"{ARN}nobody"),
        ("echo:live", f"{ARN}echo:live"),
        ("arn:aws:lambda:eu-west-1:123456789012:function:echo",) * 2,
        ("000000000000:function:echo", f"{ARN}echo"),
    ],
)
def test_what_is_not_there_is_not_found(lambda_: Any, name: str, arn: str) -> None:
    expected = (404, "ResourceNotFoundException", f"Function not found: {arn}")
    assert refused(lambda_.invoke, FunctionName=name) == expected


@pytest.mark.documented(INVOKE)
def test_a_dry_run_runs_nothing(lambda_: Any, hosting: Hosting) -> None:
    before = hosting.function("fail")["invocations"]
    answer = lambda_.invoke(FunctionName="fail", InvocationType="DryRun")
    assert (answer["StatusCode"], answer["Payload"].read()) == (204, b"")
    assert hosting.function("fail")["invocations"] == before


@pytest.mark.documented(INVOKE)
@pytest.mark.parametrize("payload", [b"{", b"NaN", b"\xff", b"'a'"])
def test_a_payload_that_is_no_json_is_refused(lambda_: Any, payload: bytes) -> None:
    status, code, message = refused(lambda_.invoke, FunctionName="echo", Payload=payload)
    assert (status, code) == (400, "InvalidRequestContentException")
    assert message.startswith("Could not parse request body into json: ")


@pytest.mark.documented(LIMITS)
def test_a_request_of_six_megabytes_and_no_more(lambda_: Any) -> None:
    fits = b'"' + b"x" * (6 * MIB - 2) + b'"'
    assert len(lambda_.invoke(FunctionName="echo", Payload=fits)["Payload"].read()) == len(fits)
    status, code, message = refused(lambda_.invoke, FunctionName="echo", Payload=fits + b" ")
    assert (status, code) == (413, "RequestTooLargeException")
    assert message == "Request must be smaller than 6291456 bytes for the InvokeFunction operation"


@pytest.mark.documented(LIMITS)
def test_an_event_of_one_megabyte_and_no_more(lambda_: Any) -> None:
    fits = b'"' + b"x" * (MIB - 2) + b'"'
    assert lambda_.invoke(FunctionName="echo", InvocationType="Event", Payload=fits)["StatusCode"] == 202
    status, code, message = refused(
        lambda_.invoke, FunctionName="echo", InvocationType="Event", Payload=fits + b" "
    )
    assert (status, code) == (413, "RequestTooLargeException")
    assert message == "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"


@pytest.mark.field_report(SIZES)
def test_a_result_of_six_megabytes_and_no_more(lambda_: Any) -> None:
    fits = 6 * MIB + 100
    answer = lambda_.invoke(FunctionName="grow", Payload=json.dumps({"bytes": fits - 2}))
    assert len(answer["Payload"].read()) == fits
    error = error_of(lambda_.invoke(FunctionName="grow", Payload=json.dumps({"bytes": fits})))
    assert error["errorType"] == "Function.ResponseSizeTooLarge"
    assert "exceeded maximum allowed payload size (6291556 bytes)." in error["errorMessage"]


@pytest.mark.field_report(SEEN)
def test_what_a_handler_raises(lambda_: Any) -> None:
    answer = lambda_.invoke(FunctionName="fail", Payload=b'{"message": "boom"}')
    error = error_of(answer)
    assert list(error) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert (error["errorMessage"], error["errorType"]) == ("boom", "ValueError")
    assert error["requestId"] == answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
    (frame,) = error["stackTrace"]
    assert re.fullmatch(r'  File ".*/basic\.py", line \d+, in fail\n    raise ValueError\(.*\n', frame)


@pytest.mark.field_report(SEEN)
@pytest.mark.parametrize(
    ("function", "payload", "kind", "message"),
    [
        ("leave", {"status": 3}, "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("leave", {"status": 0}, "Runtime.ExitError", "Runtime exited without providing a reason"),
        ("die", {}, "Runtime.ExitError", "Runtime exited with error: signal: aborted"),
        ("slow", {"seconds": 60}, "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
        (
            "fill",
            {"megabytes": 200, "stay": True},
            "Runtime.ExitError",
            "Runtime exited with error: signal: killed",
        ),
    ],
)
def test_a_process_that_does_not_live_through_it(
    lambda_: Any, function: str, payload: dict[str, Any], kind: str, message: str
) -> None:
    answer = lambda_.invoke(FunctionName=function, Payload=json.dumps(payload))
    request_id = answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
    assert error_of(answer) == {
        "errorType": kind,
        "errorMessage": f"RequestId: {request_id} Error: {message}",
    }


@pytest.mark.assumed
def test_memory_that_was_too_much_for_a_moment_alone_is_too_much(lambda_: Any) -> None:
    error = error_of(lambda_.invoke(FunctionName="fill", Payload=b'{"megabytes": 200}'))
    assert error["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert lambda_.invoke(FunctionName="fill", Payload=b'{"megabytes": 1}')["Payload"].read() == b"1048576"


@pytest.mark.field_report(SEEN)
@pytest.mark.parametrize(
    ("function", "kind", "message"),
    [
        ("lost", "Runtime.ImportModuleError", "Unable to import module 'nowhere': No module named 'nowhere'"),
        ("missing", "Runtime.HandlerNotFound", "Handler 'nothing' missing on module 'basic'"),
        (
            "broken",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'broken': invalid syntax (broken.py, line 1)",
        ),
        ("raising", "KeyError", "'at the start'"),
    ],
)
def test_a_handler_that_can_not_be_loaded(lambda_: Any, function: str, kind: str, message: str) -> None:
    for _ in range(2):
        error = error_of(lambda_.invoke(FunctionName=function))
        assert (error["errorType"], error["errorMessage"]) == (kind, message)
        assert set(error) == {"errorMessage", "errorType", "requestId", "stackTrace"}


@pytest.mark.field_report(SEEN)
def test_a_result_that_is_no_json(lambda_: Any) -> None:
    error = error_of(lambda_.invoke(FunctionName="unanswerable"))
    assert error["errorType"] == "Runtime.MarshalError"
    assert error["errorMessage"] == "Unable to marshal response: Object of type set is not JSON serializable"


@pytest.mark.documented(INVOKE)
def test_the_end_of_the_log_on_request(lambda_: Any) -> None:
    answer = lambda_.invoke(FunctionName="say", LogType="Tail", Payload=json.dumps({"text": "hällo"}))
    request_id = answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
    lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
    start = lines.index(f"START RequestId: {request_id} Version: $LATEST")
    assert lines[start + 1] == "hällo"
    assert re.fullmatch(rf"\[INFO\]\t[\d\-T:.]+Z\t{request_id}\tlogged hällo", lines[start + 2])
    assert lines[start + 3] == f"END RequestId: {request_id}"
    assert re.fullmatch(
        rf"REPORT RequestId: {request_id}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 128 MB\tMax Memory Used: \d+ MB(\tInit Duration: [\d.]+ ms)?",
        lines[start + 4],
    )
    long = lambda_.invoke(FunctionName="say", LogType="Tail", Payload=json.dumps({"text": "x" * 9000}))
    assert len(base64.b64decode(long["LogResult"])) == 4096
    assert "LogResult" not in lambda_.invoke(FunctionName="say", Payload=b'{"text": ""}')


@pytest.mark.documented(CONTEXT)
def test_the_context(lambda_: Any) -> None:
    given = base64.b64encode(b'{"custom": {"a": "b"}}').decode()
    answer = lambda_.invoke(FunctionName="look", ClientContext=given)
    seen = json.loads(answer["Payload"].read())
    assert seen["request_id"] == answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
    assert (seen["name"], seen["version"], seen["memory"]) == ("look", "$LATEST", "256")
    assert seen["arn"] == f"{ARN}look"
    assert seen["group"] == "/aws/lambda/look"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", seen["stream"])
    assert 0 < seen["remaining"] <= 30_000
    assert seen["custom"] == {"a": "b"}


@pytest.mark.documented(VARIABLES)
def test_the_environment(lambda_: Any, hosting: Hosting) -> None:
    expected = {
        "AWS_LAMBDA_FUNCTION_NAME": "look",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "LAMBDA_TASK_ROOT": str(FUNCTIONS),
        "TZ": ":UTC",
        "_HANDLER": "basic.look",
        "COLOUR": "red",
        "AWS_ENDPOINT_URL_LAMBDA": hosting.url,
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "PYTEST_CURRENT_TEST": None,
    }
    answer = lambda_.invoke(FunctionName="look", Payload=json.dumps({"variables": list(expected)}))
    seen = json.loads(answer["Payload"].read())
    assert seen["variables"] == expected
    assert (seen["cwd"], seen["path"]) == (str(FUNCTIONS), str(FUNCTIONS))


@pytest.mark.documented(INVOKE)
def test_more_than_may_run_at_once_is_refused(lambda_: Any, hosting: Hosting, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    payload = json.dumps({"until": str(gate)})
    assert lambda_.invoke(FunctionName="one", InvocationType="Event", Payload=payload)["StatusCode"] == 202
    wait_until(lambda: hosting.function("one")["running"] == 1)
    status, code, message = refused(lambda_.invoke, FunctionName="one", Payload=payload)
    assert (status, code, message) == (429, "TooManyRequestsException", "Rate Exceeded.")
    assert hosting.function("one")["throttles"] == 1
    gate.touch()
    wait_until(lambda: hosting.function("one")["running"] == 0)


@pytest.mark.documented(INVOKE)
def test_an_event_is_taken_at_once(lambda_: Any, hosting: Hosting) -> None:
    before = hosting.function("echo")["invocations"]
    answer = lambda_.invoke(FunctionName="echo", InvocationType="Event", Payload=b"{}")
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    wait_until(lambda: hosting.function("echo")["invocations"] > before)


@pytest.mark.documented(RETRIES)
def test_an_event_is_tried_three_times(tmp_path: Path, profile: str) -> None:
    if profile == "sagemaker":
        pytest.skip("needs a function of this suite")
    functions: dict[str, dict[str, Any]] = {
        "fail": {"handler": "basic.fail"},
        "once": {"handler": "basic.fail", "retries": 0},
    }
    with run_serverless(tmp_path, functions, options=("--speed", "1000")) as hosting:
        made = hosting.client("lambda")
        for name in functions:
            made.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
        made.close()
        wait_until(lambda: hosting.state()["events_waiting"] == 0)
        assert hosting.function("fail")["errors"] == 3
        assert len({error["request_id"] for error in hosting.function("fail")["last_errors"]}) == 1
        assert hosting.function("once")["errors"] == 1


@pytest.mark.operation("GetFunction", "GetFunctionConfiguration")
@pytest.mark.botocore_model
def test_a_function_is_described(lambda_: Any) -> None:
    found = lambda_.get_function_configuration(FunctionName="look")
    assert (found["FunctionName"], found["FunctionArn"]) == ("look", f"{ARN}look")
    assert (found["Handler"], found["Timeout"], found["MemorySize"]) == ("basic.look", 30, 256)
    assert (found["Version"], found["State"], found["PackageType"]) == ("$LATEST", "Active", "Zip")
    assert found["Environment"]["Variables"] == {"COLOUR": "red"}
    whole = lambda_.get_function(FunctionName="one")
    assert whole["Concurrency"] == {"ReservedConcurrentExecutions": 1}
    assert refused(lambda_.get_function, FunctionName="nobody")[1] == "ResourceNotFoundException"
    assert refused(lambda_.get_function_configuration, FunctionName="nobody")[0] == 404


@pytest.mark.operation("ListFunctions")
@pytest.mark.botocore_model
def test_functions_are_listed_in_pages(lambda_: Any, hosting: Hosting) -> None:
    pages = lambda_.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 4})
    sizes, names = [], []
    for page in pages:
        sizes.append(len(page["Functions"]))
        names += [found["FunctionName"] for found in page["Functions"]]
    assert names == sorted(hosting.state()["functions"])
    assert sizes == [4, 4, 4, 3]


@pytest.mark.botocore_model
def test_an_unknown_invocation_type_is_refused(hosting: Hosting) -> None:
    answer = hosting.send(PATH, body=b"{}", headers={"X-Amz-Invocation-Type": "Later"})
    assert answer.status == 400
    assert "invocationType" in answer.json["message"]
