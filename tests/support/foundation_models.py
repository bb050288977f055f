"""The fake Bedrock, on a port of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import uvicorn
from botocore.config import Config

from meshtwin.emulator.bedrock.service import foundation_models
from meshtwin.emulator.core.clock import AdjustableClock, manual_clock
from meshtwin.emulator.core.faults.faults import Faults
from meshtwin.emulator.core.protocol.gateway import Gateway
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_bedrock_runtime import BedrockRuntimeClient


@dataclass(frozen=True)
class FakeBedrock:
    """A running fake, and what goes wrong in it on purpose."""

    url: str
    faults: Faults
    clock: AdjustableClock
    loop: asyncio.AbstractEventLoop

    def advance(self, seconds: float) -> None:
        """Let time pass for what is delayed."""
        asyncio.run_coroutine_threadsafe(self.clock.advance(seconds), self.loop).result()

    def client(self) -> BedrockRuntimeClient:
        """A client that tries once."""
        once = Config(retries={"total_max_attempts": 1})
        return boto3.client(
            "bedrock-runtime",
            region_name="us-west-2",
            endpoint_url=self.url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=once,
        )


@contextmanager
def foundation_models_server() -> Iterator[FakeBedrock]:
    """The service behind a gateway, over HTTP."""
    faults, clock, loop = Faults(), manual_clock(), asyncio.new_event_loop()
    app: Any = Gateway([foundation_models()], faults, clock)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, access_log=False))
    thread = threading.Thread(
        target=loop.run_until_complete, args=[server.serve(sockets=[listening])], daemon=True
    )
    thread.start()
    wait_until(lambda: server.started)
    try:
        yield FakeBedrock(f"http://127.0.0.1:{listening.getsockname()[1]}", faults, clock, loop)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
