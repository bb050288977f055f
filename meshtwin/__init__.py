"""A local twin of SageMaker Asynchronous Inference, and an image-to-3D container to run behind it.

client = connect()
ticket = submit(client, Submission(Stage.FULL, "duck.png", output_prefix="out/"))
result = wait(client, ticket, timeout=600)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshtwin.cloud.client import Client, connect
    from meshtwin.cloud.jobs.submit import Submission, Ticket, submit
    from meshtwin.cloud.jobs.wait import Result, wait
    from meshtwin.runtime.contract import Params, Stage

__all__ = ["Client", "Params", "Result", "Stage", "Submission", "Ticket", "connect", "submit", "wait"]

_HOMES = {
    "meshtwin.cloud.client": ("Client", "connect"),
    "meshtwin.cloud.jobs.submit": ("Submission", "Ticket", "submit"),
    "meshtwin.cloud.jobs.wait": ("Result", "wait"),
    "meshtwin.runtime.contract": ("Params", "Stage"),
}


def __getattr__(name: str) -> object:
    # Loaded when asked for: the images and the functions' packages have neither boto3's clients nor `cloud`.
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'meshtwin' has no attribute {name!r}")
