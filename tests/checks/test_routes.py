from __future__ import annotations

from harness.checks.evidence import Evidence
from harness.model import journal as j
from harness.model.scenario import Hop, Via
from tests.testkit.journals import Stage


def ways(stage: Stage) -> dict[tuple[int, int], tuple[list[tuple[int, int]], int | None]]:
    """(client, attempt) → its (hop, exchange) pairs, and the exchange at the tap."""
    evidence = Evidence.of(stage.journal())
    out = {}
    for attempt in evidence.attempts:
        route = evidence.route(attempt)
        tap = None if route.exchange is None else route.exchange.x
        out[attempt.client, attempt.x] = ([(it.hop, it.x) for it in route.hops], tap)
    return out


def test_every_place_counts_for_itself() -> None:
    stage = Stage(hops=2)
    stage.answer(0.0, 504, by=1)
    stage.connect(1.0)
    assert ways(stage) == {(1, 1): ([(1, 1)], None), (1, 2): ([(1, 2), (2, 1)], 1)}


def test_a_direct_chain_leads_to_the_tap() -> None:
    stage = Stage(hops=0)
    stage.connect(0.0)
    stage.connect(0.0, client=2)
    assert ways(stage) == {(1, 1): ([], 1), (2, 1): ([], 2)}


def test_a_refused_request_takes_nobody_elses_exchange() -> None:
    stage = Stage(hops=1)
    stage.refuse(0.0, client=1)
    stage.connect(1.0, client=2)
    assert ways(stage) == {(1, 1): ([], None), (2, 1): ([(1, 1)], 1)}


def test_requests_under_way_at_one_time_are_told_apart_by_their_id() -> None:
    stage = Stage(hops=0)
    for client, last_id in ((1, "10"), (2, "20")):
        headers = (("Last-Event-ID", last_id),)
        stage.put(0.0, j.ClientRequest(client=client, x=1, method="GET", url="/", headers=headers))
    for x, last_id in ((1, "20"), (2, "10")):
        headers = (("Last-Event-ID", last_id),)
        stage.put(
            0.0, j.TapRequest(x=x, method="GET", target="/", version="HTTP/1.1", headers=headers)
        )
    assert ways(stage) == {(1, 1): ([], 2), (2, 1): ([], 1)}


def test_a_hop_without_a_record_is_known_by_its_neighbours() -> None:
    stage = Stage(hops=3, recorded={1, 3})
    stage.connect(0.0)
    assert ways(stage) == {(1, 1): ([(1, 1), (2, 1), (3, 1)], 1)}


def test_neighbours_without_a_record_are_known_by_the_relay_between_them() -> None:
    stage = Stage(hops=4, recorded={1})
    stage.answer(0.0, 504, by=3)
    stage.connect(1.0)
    assert ways(stage) == {
        (1, 1): ([(1, 1), (2, 1), (3, 1)], None),
        (1, 2): ([(1, 2), (2, 2), (3, 2), (4, 1)], 1),
    }


def test_without_a_relay_they_are_passed_over() -> None:
    stage = Stage(hops=4, recorded={1, 4}, has_relays=False)
    stage.connect(0.0)
    assert ways(stage) == {(1, 1): ([(1, 1), (4, 1)], 1)}


def test_where_a_proxy_forwards_by_itself_the_chain_ends_at_the_tap() -> None:
    alone = Hop(faults=(), via=Via(url="http://127.0.0.1:1"))
    stage = Stage(chain=[Hop(faults=()), alone], recorded={1})
    stage.connect(0.0)
    assert ways(stage) == {(1, 1): ([(1, 1)], 1)}


def test_of_several_attempts_the_one_with_the_answer_leads_on() -> None:
    stage = Stage(hops=1)
    stage.put(0.0, j.ClientRequest(client=1, x=1, method="GET", url="/", headers=()))
    stage.put(
        0.0,
        j.HopRequest(hop=1, x=1, method="GET", target="/", version="HTTP/1.1", headers=()),
    )
    for attempt in (0, 1):
        t_s = float(attempt)
        stage.put(t_s, j.HopAttempt(hop=1, x=1, attempt=attempt, version="HTTP/1.1", headers=()))
        stage.put(
            t_s,
            j.TapRequest(x=attempt + 1, method="GET", target="/", version="HTTP/1.1", headers=()),
        )
    stage.put(0.5, j.HopUpstreamEnd(hop=1, x=1, attempt=0, how="reset"))
    stage.put(
        1.5,
        j.HopHead(
            hop=1, x=1, attempt=1, status=200, version="HTTP/1.1", framing="chunked", headers=()
        ),
    )
    evidence = Evidence.of(stage.journal())
    route = evidence.route(evidence.attempts[0])
    assert route.exchange is not None
    assert route.exchange.x == 2
    assert [it.x for it in route.others] == [1]


def test_the_handler_that_served_an_attempt_is_known() -> None:
    stage = Stage(hops=2)
    stage.connect(0.0).event(1.0, 1)
    stage.connect(2.0, client=2).event(3.0, 2)
    evidence = Evidence.of(stage.journal())
    served = [evidence.served_for(it) for it in evidence.attempts]
    assert [[sent.seq for sent in it.sent] for it in served if it] == [[1], [2]]


def ported(
    stage: Stage, *, clients: dict[int, int], taps: dict[int, int], at_s: float = 0.0
) -> None:
    """Requests of clients 1, 2, … and those that come at the tap, with the ports of both ends."""
    for client, port in clients.items():
        stage.put(at_s, j.ClientRequest(client=client, x=1, method="GET", url="/", headers=()))
        stage.put(at_s, j.Link(at="client", number=client, x=1, side="up", port=port))
    for x, port in taps.items():
        stage.put(at_s, j.TapRequest(x=x, method="GET", target="/", version="HTTP/1.1", headers=()))
        stage.put(at_s, j.Link(at="tap", number=0, x=x, side="down", port=port))


def test_the_port_of_the_connection_says_whose_request_it_is() -> None:
    stage = Stage(hops=0)
    ported(stage, clients={1: 5001, 2: 5002, 3: 5003}, taps={1: 5003, 2: 5001})
    assert ways(stage) == {(1, 1): ([], 2), (2, 1): ([], None), (3, 1): ([], 1)}


def test_ports_on_the_two_sides_of_a_real_hop_have_nothing_in_common() -> None:
    stage = Stage(hops=1, recorded=set())
    ported(stage, clients={1: 5001, 2: 5002}, taps={1: 6001, 2: 5001})
    assert ways(stage) == {(1, 1): ([(1, 1)], 1), (2, 1): ([(1, 2)], 2)}
