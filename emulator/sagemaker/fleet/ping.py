"""SageMaker's health check: GET /ping, healthy if 200 comes within 2 seconds."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshtwin.emulator.sagemaker.fleet.launcher import Address


@dataclass(frozen=True, slots=True)
class Ping:
    """The result of one ping."""

    healthy: bool
    finding: str
    """In words: `status 503`, `no answer within 2 s`."""

    timed_out: bool = False


async def ping(address: Address, timeout: float) -> Ping:  # noqa: ASYNC109  # an attempt's own limit, part of the contract
    """One GET /ping, with `timeout` real seconds for all of it."""
    writer = None
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(
                b"GET /ping HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % str(address).encode()
            )
            line = await reader.readline()
    except TimeoutError:
        return Ping(healthy=False, finding=f"no answer within {timeout:g} s", timed_out=True)
    except (OSError, ValueError) as error:
        return Ping(healthy=False, finding=str(error))
    finally:
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    parts = line.split(None, 2)
    status = parts[1].decode(errors="replace") if len(parts) > 1 else "none"
    return Ping(healthy=status == "200", finding=f"status {status}")
