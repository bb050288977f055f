"""What an endpoint is made of: names that say what is in them, and no secret among the variables."""

from __future__ import annotations

import pytest

from meshtwin.cloud.errors import UsageError
from meshtwin.cloud.profiles import load_profile
from meshtwin.cloud.spec.endpoint import (
    EndpointSpec,
    container_environment,
    content_name,
    endpoint_spec,
    is_ours,
)


def spec(image: str = "image:1", instance: str = "ml.g5.2xlarge", **environment: str) -> EndpointSpec:
    names = load_profile("embedded", {"INSTANCE_TYPE": instance}).names
    return endpoint_spec(names, image=image, role_arn="arn", environment=environment, topics={})


def test_the_same_content_has_the_same_name_and_any_other_another() -> None:
    assert spec() == spec()
    assert spec().model["ModelName"].startswith("hunyuan3d-model-v2-")
    for other in (spec(image="image:2"), spec(RUNTIME_QUEUE="9")):
        assert other.model["ModelName"] != spec().model["ModelName"]
        assert other.config_name != spec().config_name
    other = spec(instance="ml.g5.xlarge")
    assert other.model == spec().model
    assert other.config_name != spec().config_name


@pytest.mark.parametrize("base", ["a", "x" * 63, "x" * 53 + "-" + "y" * 9])
def test_a_name_is_one_that_aws_takes(base: str) -> None:
    name = content_name(base, {"any": "thing"})
    assert len(name) <= 63
    assert "--" not in name
    assert is_ours(base, name)
    assert not is_ours(base, base)
    assert not is_ours(base, f"other-{name}"[:63])


def test_the_container_gets_its_own_settings_and_no_secret() -> None:
    assert container_environment({"HF_TOKEN": "hf_secret", "RUNTIME_QUEUE": "9"}) == {"RUNTIME_QUEUE": "9"}
    for name in ("RUNTIME_HF_TOKEN", "RUNTIME_API_KEY_FILE", "RUNTIME_DB_PASSWORD"):
        with pytest.raises(UsageError, match=rf"{name} would be readable"):
            container_environment({name: "secret"})
