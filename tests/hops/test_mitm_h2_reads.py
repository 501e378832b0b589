"""What the journal says of reads from an HTTP/2 client."""

from __future__ import annotations

from pathlib import Path

from harness.model import journal
from tests.hops.test_mitm_h2 import two_streams
from tests.testkit.stage import Stage, chunk, play
from tests.testkit.stage_h2 import connect_h2


def test_a_read_from_the_client_is_credited_to_no_exchange(ca: Path) -> None:
    async def scene(stage: Stage) -> None:
        client = await connect_h2(stage, ca)
        one, first, _, second = await two_streams(stage, client)
        await first.send(chunk(b"1"))
        await second.send(chunk(b"2"))
        await client.until(one, b"1")
        await client.cancel(one)
        assert await first.end() == "fin"
        down = [it for it in stage.entries(journal.HopBytes) if it.side == "down"]
        assert {it.x for it in down if it.way == "read"} == {0}
        assert {it.x for it in down if it.way == "write"} >= {1, 2}

    play(scene, ca=ca)
