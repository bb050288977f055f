from __future__ import annotations

import time

import botocore.loaders
import pytest
from botocore.model import ServiceModel
from hypothesis import given
from hypothesis import strategies as st

from meshtwin.emulator.core.protocol.patterns import matcher

INFERENCE_ID = r"\A\S[\p{Print}]*\z"
LOCATION = r"^(https|s3)://([^/]+)/?(.*)$"
EXTENSION = r"^(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]+$"
FILENAME = r"^(?!.*\..*\.)[a-zA-Z0-9][a-zA-Z0-9-_\.]*$"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"\p{ASCII}*", "a\tb\x7f"),
        (INFERENCE_ID, "a b"),
        (LOCATION, "s3://bucket"),
        (LOCATION, "https://bucket.s3.amazonaws.com/a key"),
        (EXTENSION, "/a/../b"),
        (FILENAME, "a-b_c.glb"),
        (r"[\S\s]*", "a\n\u2028b"),
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "Größe 12"),
        (r"[a-z&&[^x]]+", "abc"),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", "a\U0001f600"),
        (r"\P{ASCII}\W\D", "éé-"),
    ],
)
def test_accepts_what_java_accepts(pattern: str, text: str) -> None:
    assert matcher(pattern)(text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"\p{ASCII}*", "é"),
        (INFERENCE_ID, " a"),
        (INFERENCE_ID, "aé"),
        (INFERENCE_ID, "a\n"),
        (LOCATION, "ftp://bucket/key"),
        (LOCATION, "s3://bucket/a\r"),
        (LOCATION, "s3://bucket/key\n"),
        (EXTENSION, "s3:a"),
        (EXTENSION, "a b"),
        (FILENAME, "a.b.c"),
        (FILENAME, ".a"),
        (r"\d+", "\u0661"),
        (r"\w+", "é"),
        (r"[^\s]+", "\x0b"),
        (r"[a-z&&[^x]]+", "x"),
        (r"a.b", "a\u2028b"),
    ],
)
def test_refuses_what_java_refuses(pattern: str, text: str) -> None:
    assert not matcher(pattern)(text)


@given(st.text())
def test_a_print_class_is_ascii_only(text: str) -> None:
    assert bool(matcher(r"\p{Print}*")(text)) == all(" " <= character <= "~" for character in text)


@pytest.mark.parametrize("service", ["sagemaker-runtime", "sagemaker", "application-autoscaling"])
def test_every_pattern_of_the_models_compiles(service: str) -> None:
    model = ServiceModel(botocore.loaders.Loader().load_service_model(service, "service-2"), service)
    patterns = {
        pattern for name in model.shape_names if (pattern := model.shape_for(name).metadata.get("pattern"))
    }
    assert patterns
    for pattern in patterns:
        matcher(pattern)


def test_the_longest_names_are_judged_at_once() -> None:
    started = time.process_time()
    assert not matcher(FILENAME)("a" + "." * 31 + "!")
    assert not matcher(r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*")("a-" * 31 + "!")
    assert not matcher(r"(?!((^[ ]+.*)|(.*([\u0000-\u001f]|[:/|])+.*)|(.*[ ]+$))).+")("a" * 255 + " ")
    assert time.process_time() - started < 0.5
