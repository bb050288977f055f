"""Any order of claims, takeovers and ends by two owners: a request ends once, fences only grow."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from meshtwin.emulator.core.aws import Aws
from meshtwin.emulator.sagemaker.queue.request import TERMINAL, AsyncRequest, State
from meshtwin.emulator.sagemaker.queue.table import Claim, RequestTable, StaleClaimError

if TYPE_CHECKING:
    from meshtwin.emulator.sagemaker.queue.backlog import Entry

pytestmark = pytest.mark.assumed

OWNERS = st.sampled_from([0, 1])
ENDS = st.sampled_from(sorted(TERMINAL))


class TwoOwners(RuleBasedStateMachine):
    """An emulator and the next one, whose writes may land in any order; one request."""

    aws: Aws

    def __init__(self) -> None:
        super().__init__()
        self.tables = [RequestTable(self.aws, "transitions", f"owner-{n}") for n in range(2)]
        self.beliefs: list[list[Claim]] = [[], []]
        self.ends: list[State] = []
        self.fences = [0]

    @initialize(owner=OWNERS)
    def accept(self, owner: int) -> None:
        self.endpoint = uuid.uuid4().hex
        self.request = AsyncRequest(
            request_id=uuid.uuid4().hex,
            endpoint_name=self.endpoint,
            inference_id="i",
            received_at=1.0,
            ttl_seconds=60,
            timeout_seconds=60,
            output_location="s3://b/k",
            body=b"",
        )
        self.tables[owner].put(self.request, 1)

    def queued(self) -> list[Entry]:
        return self.tables[0].queued(self.endpoint)

    @rule(owner=OWNERS)
    def claim(self, owner: int) -> None:
        for entry in self.queued():
            self.beliefs[owner].append(self.tables[owner].claim(self.endpoint, entry))

    @rule(owner=OWNERS)
    def claim_what_was_queued_once(self, owner: int) -> None:
        for belief in self.beliefs[1 - owner]:
            try:
                claimed = self.tables[owner].claim(self.endpoint, belief.entry)
            except StaleClaimError:
                continue
            self.beliefs[owner].append(claimed)

    @rule(owner=OWNERS)
    def put_back(self, owner: int) -> None:
        for belief in self.beliefs[owner]:
            self.attempt(owner, belief, self.tables[owner].put_back)

    @rule(owner=OWNERS)
    def take_over(self, owner: int) -> None:
        for running in self.tables[owner].running(self.endpoint):
            self.tables[owner].take_over(running, 1.0)

    @rule(owner=OWNERS, state=ENDS)
    def end(self, owner: int, state: State) -> None:
        for belief in list(self.beliefs[owner]):
            was_ended = self.state() in TERMINAL
            try:
                self.tables[owner].end(belief, state, reason=None, now=1.0, delete_at=2.0)
            except StaleClaimError:
                continue
            if was_ended:
                # A repetition after a lost answer, of the same end by the same owner.
                assert state is self.ends[-1]
            else:
                self.ends.append(state)

    def attempt(self, owner: int, belief: Claim, act: object) -> None:
        assert callable(act)
        before = self.item()
        try:
            act(belief)
        except StaleClaimError:
            assert self.item() == before
        else:
            assert before["owner"]["S"] == self.tables[owner].owner
            assert int(before["fence"]["N"]) == belief.fence

    def item(self) -> dict[str, dict[str, str]]:
        found = self.tables[0].get(self.request.request_id)
        assert found is not None
        return dict(found)

    def state(self) -> State:
        return State(self.item()["state"]["S"])

    @invariant()
    def ends_once(self) -> None:
        assert len(self.ends) <= 1
        if self.ends:
            item = self.item()
            assert item["state"]["S"] == self.ends[0]
            assert item["endpoint_state"]["S"].endswith("#" + item["state"]["S"])
            assert not self.queued()

    @invariant()
    def fences_grow(self) -> None:
        if hasattr(self, "request"):
            fence = int(self.item()["fence"]["N"])
            assert fence >= self.fences[-1]
            self.fences.append(fence)

    @invariant()
    def the_index_follows(self) -> None:
        if hasattr(self, "request") and not self.ends:
            listed = len(self.queued()) + len(self.tables[0].running(self.endpoint))
            assert listed == 1


@pytest.mark.usefixtures("aws")
def test_a_request_ends_once_whatever_two_owners_do() -> None:
    client = Aws("us-east-1")
    try:
        RequestTable(client, "transitions", "setup").create()
        machine = type("Machine", (TwoOwners,), {"aws": client})
        run_state_machine_as_test(
            machine, settings=settings(max_examples=8, stateful_step_count=12, deadline=None)
        )
    finally:
        client.close()
