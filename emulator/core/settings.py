"""What every program of this package can be set to: where it listens, for whom, and which AWS it emulates."""

from __future__ import annotations

from dataclasses import dataclass

from meshtwin.emulator.core.bounds import AccountId, Host, Port, Region, refuse_out_of_bounds


@dataclass(frozen=True, slots=True)
class ProgramSettings:
    """ValueError where one is out of its bounds, also one of a subclass."""

    host: Host = "127.0.0.1"
    port: Port = 0
    """0: a free one."""

    region: Region = "us-east-1"
    account_id: AccountId = "123456789012"

    allowed_hosts: str = ""
    """Names by which the program may be called, space-separated, beside addresses and localhost."""

    require_key: bool = False
    """Whether callers have to use the AWS_ACCESS_KEY_ID that the program has itself; off, any will do."""

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self)
