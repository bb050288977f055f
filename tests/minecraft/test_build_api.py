"""The HTTP API: what it takes, what it refuses and in which words, and what it answers."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshtwin.minecraft.api.parse import FIELDS, build_request, document
from meshtwin.minecraft.jobs.states import State
from meshtwin.minecraft.lambdas import clients, submit
from meshtwin.minecraft.voxel.options import BuildOptions, Order
from tests.support.build_jobs import PNG, TOKEN, base64_text, get, http_event, post

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.boundary import Boundary
    from tests.support.build_jobs import World


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may call, and nothing else: what is refused before AWS is asked needs none."""
    monkeypatch.setenv("API_TOKEN", TOKEN)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
MODELS = {"image.png", "shape.glb", "textured.glb"}
"""What a build was made of; the links to its files have those, too."""

PLAYER = {
    "playerUuid": "069a79f4-44e9-4726-a5be-fca90e38aaf5",
    "playerName": "Notch",
    "world": "world",
    "anchor": {"x": 1, "y": -60, "z": 3},
}


def test_a_request_as_the_first_plugin_sends_it(world: World, boundary: Boundary) -> None:
    reply = post({**PLAYER, "prompt": "a red dragon", "size": "large"})
    assert reply.status == 202
    job_id = reply.json["jobId"]
    assert reply.json == {
        "jobId": job_id,
        "status": "STARTING",
        "started": True,
        "queuePosition": 0,
        "estimateSeconds": reply.json["estimateSeconds"],
        "statusUrl": f"https://api.test/build/status/{job_id}",
    }
    assert 0 < reply.json["estimateSeconds"] <= 180
    assert [(one.name, one.event) for one in boundary.asked] == [("worker", {"jobId": job_id})]
    request = world.job(job_id).request
    assert (request.options.size, request.anchor, request.player_name) == (128, (1, -60, 3), "Notch")
    assert request.options.hollow == 1


def test_everything_that_may_be_asked_for(world: World) -> None:
    body = {
        **PLAYER,
        "prompt": "  a   duck ",
        "size": 100,
        "palette": ["minecraft:stone", "dirt"],
        "hollow": True,
        "rotation": 3,
        "smoothing": 0.5,
        "kinds": 16,
        "minPart": 0.1,
        "dither": 0.25,
        "order": "ground",
        "clearAir": True,
        "version": "26.1",
        "seed": 5,
        "exclude": ["minecraft:sand"],
    }
    request = world.job(post(body).json["jobId"]).request
    assert (request.prompt, request.seed) == ("a duck", 5)
    assert request.options == BuildOptions(
        size=100,
        palette=("minecraft:stone", "dirt"),
        exclude=("minecraft:sand",),
        hollow=1,
        rotation=3,
        smoothing=0.5,
        kinds=16,
        min_part=0.1,
        dither=0.25,
        order=Order.GROUND,
        clear_air=True,
        version="26.1",
    )


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"prompt": ""}, "prompt is empty"),
    ({"prompt": None}, "prompt is empty"),
    ({"prompt": 5}, "prompt 5"),
    ({"prompt": "x" * 501}, "at most 500"),
    ({"prompt": "a\nb"}, "control characters"),
    ({"prompt": "a\u202eb"}, "control characters"),
    ({"prompt": "\ud800"}, "control characters"),
    ({"size": "huge"}, "size 'huge': expected small, medium, large or 8..256"),
    ({"size": 7}, "8..256"),
    ({"size": 257}, "8..256"),
    ({"size": True}, "8..256"),
    ({"size": 1e999}, "8..256"),
    ({"size": "9" * 5000}, "8..256"),
    ({"anchor": {"x": 29_999_985, "y": 0, "z": 0}}, "anchor.x 29999985"),
    ({"anchor": {"x": 0, "y": 2032, "z": 0}}, "anchor.y 2032"),
    ({"anchor": {"x": 0, "y": -2033, "z": 0}}, "anchor.y"),
    ({"anchor": {"x": 0.5, "y": 0, "z": 0}}, "anchor.x 0.5"),
    ({"anchor": {"x": 0, "y": 0}}, "expected x, y and z"),
    ({"anchor": [1, 2, 3]}, "expected x, y and z"),
    ({"playerName": "x" * 65}, "playerName"),
    ({"playerUuid": "me"}, "a UUID"),
    ({"world": "a\x00b"}, "world"),
    ({"palette": "../x"}, "palette"),
    ({"palette": []}, "a list of 1..512 block ids"),
    ({"palette": ["stone[axis=x]"]}, "without properties"),
    ({"palette": ["stone", "minecraft:stonne"]}, "palette: block 'minecraft:stonne': not a block"),
    ({"palette": ["creaking_heart"], "version": "1.21.4"}, "exists since 1.21.5"),
    (
        {"exclude": ["sandd"]},
        "exclude: block 'sandd': not a block whose colours are known; did you mean sand",
    ),
    ({"exclude": ["x"] * 513}, "at most 512"),
    ({"hollow": -1}, "hollow -1"),
    ({"rotation": 4}, "0..3"),
    ({"smoothing": float("nan")}, "smoothing"),
    ({"kinds": 0}, "kinds"),
    ({"dither": 2}, "0..1"),
    ({"order": "up"}, "any or ground"),
    ({"clearAir": 1}, "true or false"),
    ({"palette": "wol"}, "wool-concrete-terracotta"),
    ({"version": "latest"}, "1.21.4"),
    ({"seed": 2**32}, "seed"),
    ({"imageUpload": "not base64!"}, "Base64"),
    ({"imageUpload": base64_text(b"GIF89a")}, "PNG, JPEG or WebP"),
    ({"imageUpload": "inputs/uploads/../x"}, "POST /build/upload"),
    ({"palete": "default"}, "'palete'"),
    ({"idempotencyKey": 5}, "idempotencyKey"),
]


@pytest.mark.parametrize(("fields", "words"), REFUSED, ids=lambda value: str(value)[:40])
@pytest.mark.usefixtures("token")
def test_what_is_refused_and_in_which_words(fields: dict[str, Any], words: str) -> None:
    """Before anything is asked of AWS: there is none."""
    reply = post({"prompt": "a cat", **fields})
    assert reply.status == 400
    assert words in reply.json["error"]


def test_a_picture_that_is_not_there_is_refused(world: World) -> None:
    reply = post({"prompt": "a cat", "imageUpload": "inputs/uploads/" + "0" * 32})
    assert (reply.status, reply.json["errorCode"]) == (400, "picture_missing")
    assert list(world.table.queued()) == list(world.table.active()) == []


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("form", [lambda n: n, float, str], ids=["whole", "with .0", "quoted"])
def test_a_number_is_the_same_however_it_is_written(form: Callable[[int], Any]) -> None:
    """JSON has one kind of number, Gson writes 64.0, and forms quote."""
    anchor = {"x": form(-3), "y": form(64), "z": form(0)}
    given = {"size": form(16), "anchor": anchor, "kinds": form(4), "seed": form(7), "dither": form(1)}
    request = build_request(document(json.dumps({"prompt": "a cat", **given}).encode()))
    options = request.options
    assert (options.size, request.anchor, options.kinds, request.seed) == (16, (-3, 64, 0), 4, 7)
    assert [type(value) for value in (options.size, *(request.anchor or ()))] == [int] * 4


def test_a_null_is_a_field_that_is_left_out() -> None:
    nulls = dict.fromkeys(set(FIELDS) - {"prompt"})
    assert build_request({"prompt": "a cat", **nulls}) == build_request({"prompt": "a cat"})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("{", 400),
        ("[]", 400),
        ("[" * 100_000, 400),
        (f'{{"prompt": "a", "world": "{"x" * 1_100_000}"}}', 413),
    ],
    ids=["empty", "half", "list", "deep", "large"],
)
@pytest.mark.usefixtures("token")
def test_bodies_that_are_none(body: str, status: int) -> None:
    assert post(body).status == status


@pytest.mark.usefixtures("world")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(FIELDS),
        SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.sampled_from("xyz"), SCALARS),
    )
)
def test_no_body_is_answered_with_a_fault(body: dict[str, Any]) -> None:
    assert post(body).status in (202, 400)


@pytest.mark.parametrize("event", [None, {}, [], {"body": 5}, {"requestContext": {}, "headers": None}])
@pytest.mark.usefixtures("token")
def test_events_that_are_no_requests(event: object) -> None:
    answer = submit.handler(event)
    assert answer["statusCode"] in (400, 401, 413)


def test_a_picture_that_comes_with_the_request(world: World) -> None:
    job_id = post({"imageUpload": f"data:image/png;base64,{base64_text(PNG)}"}).json["jobId"]
    key = world.job(job_id).request.image_key
    assert key == f"inputs/{job_id}/picture"
    stored = world.s3.get_object(Bucket=world.bucket, Key=key)
    assert (stored["Body"].read(), stored["ContentType"]) == (PNG, "image/png")


def test_a_picture_too_large_for_that_is_told_the_other_way(world: World) -> None:
    reply = post({"imageUpload": base64_text(PNG + bytes(720_000))})
    assert reply.status == 413
    assert "POST /build/upload" in reply.json["error"]
    form = post(path="/build/upload").json
    assert form["maxBytes"] == 20 * 1024 * 1024
    world.s3.put_object(Bucket=world.bucket, Key=form["key"], Body=PNG)
    job_id = post({"imageUpload": form["key"]}).json["jobId"]
    assert world.job(job_id).request.image_key == form["key"]


@pytest.mark.parametrize("by_header", [True, False])
def test_the_same_idempotency_key_is_the_same_job(world: World, by_header: bool) -> None:
    def ask(prompt: str = "a cat", player: str = PLAYER["playerUuid"]) -> Any:  # type: ignore[assignment]
        body = {"prompt": prompt, "playerUuid": player}
        if by_header:
            return post(body, headers={"idempotency-key": "k"})
        return post({**body, "idempotencyKey": "k"})

    first = ask().json["jobId"]
    assert ask().json["jobId"] == first
    assert ask("a dog").status == 409
    assert ask(player="169a79f4-44e9-4726-a5be-fca90e38aaf5").json["jobId"] != first
    world.run()
    again = ask()
    assert (again.status, again.json["status"]) == (202, "SUCCEEDED")


def test_a_full_queue_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_QUEUED_JOBS", "1")
    assert [post({"prompt": "a"}).status for _ in range(3)] == [202, 202, 429]
    assert len(list(world.table.queued())) == 1


def test_a_worker_that_cannot_be_called_is_left_to_the_sweep(world: World, boundary: Boundary) -> None:
    boundary.refuse["worker"] = (404, "ResourceNotFoundException")
    reply = post({"prompt": "a cat"})
    assert reply.status == 202
    boundary.refuse.clear()
    assert world.run_to_the_end(reply.json["jobId"])[0].state is State.SUCCEEDED


def test_status_from_the_queue_to_the_result(world: World, boundary: Boundary) -> None:
    first, second = (post({**PLAYER, "prompt": "a cat"}).json["jobId"] for _ in range(2))
    waiting = get(second).json
    assert (waiting["progressStage"], waiting["queuePosition"]) == ("queued", 1)
    assert waiting["estimateSeconds"] > get(first).json["estimateSeconds"]
    for _ in range(3):  # the worker for both, and the picture
        world.worker(world.act(boundary.asked.pop(0)))
    told = {"stage": "shape", "step": "mesh", "fraction": 0.4, "message": "meshing"}
    world.put(f"s3://{world.bucket}/jobs/{first}/shape.glb.progress.json", json.dumps(told).encode())
    shape = get(first).json
    assert (shape["progressStage"], shape["progress"], shape["progressMessage"]) == (
        *("shape_generation", 0.4, "meshing"),
    )
    world.run()
    done = get(first).json
    assert (done["status"], done["progressStage"]) == ("SUCCEEDED", "ready_to_place")
    assert (done["voxelCount"], done["dimensions"], done["block"]) == (
        *(1234, {"x": 10, "y": 20, "z": 30}, "minecraft:stone"),
    )
    assert set(done["timings"]) == {
        *("image_generation", "shape_generation", "texture_paint", "voxelization"),
    }
    assert set(done["artifacts"]) == {"build.json.gz", "preview.png", *MODELS}
    assert done["anchor"] == PLAYER["anchor"]


def test_its_links_work_and_are_of_the_jobs_own_objects_alone(world: World) -> None:
    job_id = world.add()
    folder = f"jobs/{job_id}/"
    for name in ("image.png", "shape.glb", "textured.glb", "preview.png"):
        world.put(f"s3://{world.bucket}/{folder}{name}", PNG)
    summary = {"blocks": 1, "size": [1, 1, 1], "commands": 1, "materials": {}}
    named = {"preview.png": f"{folder}preview.png", "secret": "inputs/uploads/somebody-elses"}
    document = json.dumps({**summary, "artefacts": named}).encode()
    world.put(f"s3://{world.bucket}/{folder}voxels.json", document)
    world.sweep()
    found = get(job_id).json
    assert set(found["artifacts"]) == {"preview.png", *MODELS}
    with urllib.request.urlopen(found["previewUrl"]) as answer:  # noqa: S310  # the store's own address
        assert answer.read() == PNG


def test_a_reply_is_bounded_whatever_a_summary_names(world: World) -> None:
    job_id = world.add()
    world.sweep()
    world.run()
    job = world.job(job_id)
    many = {f"batch-{n}.mcfunction": f"jobs/{job_id}/commands/{n}.mcfunction" for n in range(5000)}
    result = json.dumps({**(job.result or {}), "artefacts": many})
    world.table.client.update_item(
        TableName=world.table.name,
        Key={"job_id": {"S": job_id}},
        UpdateExpression="SET #r = :r",
        ExpressionAttributeNames={"#r": "result"},
        ExpressionAttributeValues={":r": {"S": result}},
    )
    assert len(get(job_id).json["artifacts"]) == 64 + len(MODELS)


@pytest.mark.parametrize("job_id", ["ffffffffffff", "lease%230", "lease#0", "counters#", "x" * 3000, ""])
def test_there_is_no_such_build(world: World, job_id: str) -> None:
    world.add()
    world.start()
    assert get(job_id).status == 404


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer wrong", "Basic a-token-of-some-length", "a-token-of-some-length"]
)
@pytest.mark.usefixtures("token")
def test_who_has_no_token_gets_nothing(header: str) -> None:
    reply = post({"prompt": "a"}, headers={"authorization": header})
    assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
    assert get("ffffffffffff", headers={"authorization": header}).status == 401


def test_while_tokens_change_over_both_are_taken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world.bucket
    monkeypatch.setenv("API_TOKEN", "new-token, old-token")
    for token, status in (("new-token", 404), ("old-token", 404), ("new-token, old-token", 401)):
        assert get("ffffffffffff", headers={"authorization": f"bearer {token}"}).status == status
    monkeypatch.setenv("API_TOKEN", "a,b,c")
    assert get("ffffffffffff").status == 503


def test_a_token_in_the_parameter_store(world: World, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert world.bucket
    monkeypatch.delenv("API_TOKEN")
    monkeypatch.setenv("API_TOKEN_PARAMETER", f"/{name}")
    assert get("ffffffffffff").status == 503
    clients.ssm().put_parameter(Name=f"/{name}", Value="from-ssm", Type="SecureString")
    assert get("ffffffffffff", headers={"authorization": "Bearer from-ssm"}).status == 404
    clients.ssm().delete_parameter(Name=f"/{name}")
    assert get("ffffffffffff", headers={"authorization": "Bearer from-ssm"}).status == 404, "it is kept"
    assert get("ffffffffffff").status == 401


def test_without_a_token_set_up_nobody_may_and_openness_is_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.bucket
    monkeypatch.delenv("API_TOKEN")
    assert post({"prompt": "a"}).status == 503
    monkeypatch.setenv("ALLOW_UNAUTHENTICATED_REQUESTS", "true")
    assert post({"prompt": "a"}).status == 503
    monkeypatch.setenv("ALLOW_UNAUTHENTICATED_REQUESTS", "1")
    assert post({"prompt": "a"}).status == 202


def test_a_fault_has_a_number_and_no_trace(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.bucket
    monkeypatch.setenv("MAX_ACTIVE_JOBS", "many")
    reply = post({"prompt": "a"})
    assert reply.status == 500
    assert "many" not in json.dumps(reply.json)
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (fault,) = [line for line in logged if line.get("error_id") == reply.json["errorId"]]
    assert "MAX_ACTIVE_JOBS 'many'" in fault["trace"]


def test_a_table_that_does_not_answer_is_no_fault_of_the_player(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.bucket
    monkeypatch.setenv("JOB_TABLE", "not-there")
    reply = post({"prompt": "a"})
    assert (reply.status, reply.json["errorCode"]) == (503, "unavailable")


def test_paths_that_are_not_there_and_bodies_in_base64(world: World) -> None:
    assert post(path="/other").status == 404
    event = http_event("POST", "/prod/build", base64_text(b'{"prompt": "a cat"}'), isBase64Encoded=True)
    answer = submit.handler(event)
    assert answer["statusCode"] == 202
    job_id = json.loads(answer["body"])["jobId"]
    assert json.loads(answer["body"])["statusUrl"] == f"https://api.test/prod/build/status/{job_id}"
    assert world.job(job_id).request.prompt == "a cat"
    for prefix, base in (("/_api", "/_api/prod"), ("//evil.example", "/prod")):
        event["headers"]["x-forwarded-prefix"] = prefix
        url = json.loads(submit.handler(event)["body"])["statusUrl"]
        assert url.startswith(f"https://api.test{base}/build/status/")
    event["body"] = "*"
    assert submit.handler(event)["statusCode"] == 400
