"""Admission to the queue: idempotency keys, and the limits of each player.

Both are items of the job table, written in one transaction with the job on the condition that they are as
they were read: of two requests at the same time one wins, and the other reads again.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from meshtwin.minecraft.jobs.states import ENDS
from meshtwin.minecraft.jobs.writes import Write

if TYPE_CHECKING:
    from meshtwin.minecraft.jobs.table import JobTable
    from meshtwin.minecraft.jobs.writes import Value

DAY = 86_400


class LimitError(Exception):
    """A player is over a limit: the response's code and message, and the seconds until the next try."""

    def __init__(self, code: str, message: str, seconds: float) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.seconds = math.ceil(seconds)


class Limits(NamedTuple):
    """A player's limits: builds that have not ended, seconds between two, and builds of a UTC day."""

    open_jobs: int
    cooldown: int
    daily: int


@dataclass(frozen=True, slots=True)
class Claim:
    """An idempotency key of a player's, and the job that it stands for, if any."""

    key: str
    job: str | None = None
    fingerprint: str = ""
    valid: bool = False

    @classmethod
    def read(cls, table: JobTable, player: str, text: str) -> Claim:
        """The claim as it is now: not valid once it has expired or its job is gone."""
        key = f"idempotency#{_digest(player, text)}"
        item = table.item(key) or {}
        job = item.get("job")
        valid = item.get("expires_at", 0) > table.clock() and table.get(str(job)) is not None
        return cls(key, job, str(item.get("fingerprint", "")), valid)

    def taken(self, table: JobTable, job_id: str, fingerprint: str) -> Write:
        """The write that makes it this job's, unless another request was faster."""
        changes: dict[str, Value | None] = {
            "job": job_id,
            "fingerprint": fingerprint,
            "expires_at": table.expiry(),
        }
        return Write(self.key, changes, {"job": self.job})


@dataclass(frozen=True, slots=True)
class Player:
    """A player's requests: the jobs that had not ended when it was written, and the day's count."""

    key: str
    jobs: tuple[str, ...] = ()
    last_at: float | None = None
    day: int = 0
    count: int = 0

    @classmethod
    def read(cls, table: JobTable, uuid: str) -> Player:
        """The player as it is now."""
        key = f"player#{_digest(uuid.replace('-', '').lower())}"
        item = table.item(key) or {}
        open_jobs = tuple(job_id for job_id in str(item.get("jobs", "")).split() if _is_open(table, job_id))
        return cls(key, open_jobs, item.get("last_at"), item.get("day", 0), item.get("count", 0))

    def check(self, limits: Limits, now: float, typical: float) -> None:
        """Check that the player may ask for another build; a build takes `typical` seconds.

        Raises:
            LimitError: the player may not, for now.
        """
        if len(self.jobs) >= limits.open_jobs:
            message = f"You have {len(self.jobs)} builds that are not ready: wait for one, or cancel one."
            raise LimitError("player_busy", message, typical)
        left = (self.last_at or 0.0) + limits.cooldown - now
        if left > 0:
            message = f"You have just asked for a build: wait {math.ceil(left)} s."
            raise LimitError("player_cooldown", message, left)
        if self._today(now) >= limits.daily:
            message = f"You have asked for {limits.daily} builds today: go on tomorrow (UTC)."
            raise LimitError("player_quota", message, DAY - now % DAY)

    def counted(self, job_id: str, now: float) -> Write:
        """The write that counts one more job, unless another was counted meanwhile."""
        changes: dict[str, Value | None] = {
            "jobs": " ".join((*self.jobs, job_id)),
            "last_at": now,
            "day": _day(now),
            "count": self._today(now) + 1,
            "expires_at": int(now) + 2 * DAY,
        }
        return Write(self.key, changes, {"last_at": self.last_at})

    def _today(self, now: float) -> int:
        return self.count if self.day == _day(now) else 0


def _is_open(table: JobTable, job_id: str) -> bool:
    job = table.get(job_id)
    return job is not None and job.state not in ENDS


def _day(now: float) -> int:
    return int(now // DAY)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
