"""The yardstick: a bare FastAPI echo, served as the emulator is."""

from __future__ import annotations

import json
import sys
import time

import uvicorn
from fastapi import FastAPI, Request, Response

app = FastAPI()


@app.post("/echo")
async def echo(request: Request) -> Response:
    return Response(await request.body())


@app.get("/cpu")
async def cpu() -> float:
    return time.process_time()


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        port = self.servers[0].sockets[0].getsockname()[1]
        sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{port}"}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _Server(uvicorn.Config(app, port=0, access_log=False, log_level="warning", timeout_keep_alive=3600)).run()
