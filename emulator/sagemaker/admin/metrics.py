"""/_emulator/metrics: counts and gauges as Prometheus reads them.

https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4 of the text format.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from meshtwin.emulator.sagemaker.meter import Metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.requests import Request

    from meshtwin.emulator.sagemaker.emulator import Emulator

_LATENCIES = {
    Metric.DOWNLOAD_LATENCY: 1e-6,
    Metric.UPLOAD_LATENCY: 1e-6,
    Metric.MODEL_LATENCY: 1e-6,
    Metric.TIME_IN_BACKLOG: 1e-3,
    Metric.TOTAL_PROCESSING_TIME: 1e-3,
}
"""What one of their units is in seconds, Prometheus's base unit."""


def metric_routes(emulator: Emulator) -> list[Route]:
    """GET, as text."""

    async def metrics(_: Request) -> Response:
        text = "".join(_families(emulator))
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    return [Route("/_emulator/metrics", metrics)]


def _families(emulator: Emulator) -> Iterable[str]:
    views = emulator.sources.views()
    gauges = {
        "queued_requests": ("Requests that wait for an instance.", [float(view.queued) for view in views]),
        "running_requests": ("Requests that are being processed.", [float(view.running) for view in views]),
        "instances": ("Instances in service.", [float(view.instances) for view in views]),
        "oldest_request_seconds": (
            "Age of the oldest request that has not ended.",
            [max(0.0, emulator.clock.now() - view.oldest_at) if view.oldest_at else 0.0 for view in views],
        ),
    }
    for name, (help_text, values) in gauges.items():
        samples = [({"endpoint": view.name}, value) for view, value in zip(views, values, strict=True)]
        yield _family(name, "gauge", help_text, [("", labels, value) for labels, value in samples])
    desired = [
        ("", {"endpoint": endpoint.name}, float(endpoint.instance_count))
        for endpoint in emulator.registry.endpoints()
    ]
    yield _family("desired_instances", "gauge", "Instances that there should be.", desired)
    yield _family("clock_speed", "gauge", "Emulated seconds in a real one.", [("", {}, emulator.clock.speed)])
    yield from _store(emulator)
    yield from _metered(emulator)


def _store(emulator: Emulator) -> Iterable[str]:
    numbers = [
        (
            "store_reachable",
            "gauge",
            "Whether DynamoDB answered at the last check.",
            emulator.store.is_reachable,
        ),
        ("store_restarts_total", "counter", "Times the store was found empty.", emulator.store.times),
        ("lost_requests_total", "counter", "Requests that it has lost.", emulator.dispatcher.lost_count),
    ]
    for name, kind, help_text, value in numbers:
        yield _family(name, kind, help_text, [("", {}, float(value))])


def _metered(emulator: Emulator) -> Iterable[str]:
    totals = emulator.meter.totals()
    for metric in Metric:
        found = {endpoint: values for (endpoint, name), values in totals.items() if name is metric}
        unit = _LATENCIES.get(metric)
        if unit is None:
            samples = [("", {"endpoint": name}, float(values.total)) for name, values in found.items()]
            yield _family(f"{_snake(metric)}_total", "counter", f"SageMaker's {metric}.", samples)
            continue
        samples = []
        for name, values in found.items():
            samples.append(("_sum", {"endpoint": name}, values.total * unit))
            samples.append(("_count", {"endpoint": name}, float(values.count)))
        yield _family(f"{_snake(metric)}_seconds", "summary", f"SageMaker's {metric}.", samples)


def _family(
    name: str, kind: str, help_text: str, samples: Iterable[tuple[str, Mapping[str, str], float]]
) -> str:
    lines = [f"# HELP meshtwin_{name} {help_text}", f"# TYPE meshtwin_{name} {kind}"]
    for suffix, labels, value in samples:
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"meshtwin_{name}{suffix}{{{shown}}} {value:.10g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _snake(name: str) -> str:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return spaced.lower()
