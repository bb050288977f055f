"""Who may put a job into the queue: a caller's idempotency keys, and how many builds a player may ask for.

Both are items of the job table that are written with the job itself, or not at all, where they are as they
were read: of two requests at the same time one is first, and the other looks again.
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
    """A player asks for too much: the answer's code and message, and the seconds until it may ask again."""

    def __init__(self, code: str, message: str, seconds: float) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.seconds = math.ceil(seconds)


class Limits(NamedTuple):
    """What a player may ask for: builds that have not ended, seconds between two, and builds of a UTC day."""

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
        """The claim as it is now: not valid where its time is over, or its job is gone."""
        key = f"idempotency#{_digest(player, text)}"
        item = table.item(key) or {}
        job = item.get("job")
        valid = item.get("expires_at", 0) > table.clock() and table.get(str(job)) is not None
        return cls(key, job, str(item.get("fingerprint", "")), valid)

    def taken(self, table: JobTable, job_id: str, fingerprint: str) -> Write:
        """What makes it this job's, where nobody was faster."""
        changes: dict[str, Value | None] = {
            "job": job_id,
            "fingerprint": fingerprint,
            "expires_at": table.expiry(),
        }
        return Write(self.key, changes, {"job": self.job})


@dataclass(frozen=True, slots=True)
class Player:
    """What a player has asked for: the jobs that had not ended when it was written, and the day's count."""

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
        """Pass where another build may be asked for; a build takes `typical` seconds.

        Raises:
            LimitError: not now.
        """
        if len(self.jobs) >= limits.open_jobs:
            words = f"You have {len(self.jobs)} builds that are not ready: wait for one, or cancel one."
            raise LimitError("player_busy", words, typical)
        left = (self.last_at or 0.0) + limits.cooldown - now
        if left > 0:
            words = f"You have just asked for a build: wait {math.ceil(left)} s."
            raise LimitError("player_cooldown", words, left)
        if self._today(now) >= limits.daily:
            words = f"You have asked for {limits.daily} builds today: go on tomorrow (UTC)."
            raise LimitError("player_quota", words, DAY - now % DAY)

    def counted(self, job_id: str, now: float) -> Write:
        """What counts one more job of the player's, where no other was counted meanwhile."""
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
