from __future__ import annotations

import math
import random
import signal
import threading
import time
from contextlib import suppress

import pytest
import trio
import trio._core._run as trio_run

from harness.clock import ClockName, forget_threads, hold, now_s, run, watch_outside
from harness.errors import StageError

# Far more than anything here takes, on a machine with other work to do.
MOST_S = 15.0

both_clocks = pytest.mark.parametrize("clock", ["real", "virtual"])


def virtual[T](main: object, *args: object, seed: int = 0, budget_s: float = 10_000) -> object:
    return run(main, *args, clock="virtual", seed=seed, budget_s=budget_s, wall_limit_s=20)  # type: ignore[arg-type]  # any case


async def sleep(seconds: float) -> float:
    await trio.sleep(seconds)
    return now_s()


async def order_of_ties() -> list[int]:
    order: list[int] = []

    async def note(number: int) -> None:
        await trio.sleep_until(10)
        order.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(note, number)
    return order


class TestTheClock:
    """What time it is in a run."""

    def test_virtual_time_starts_at_zero_and_jumps(self) -> None:
        began_s = time.perf_counter()

        async def main() -> tuple[float, float]:
            return now_s(), await sleep(900)

        assert virtual(main) == (0.0, 900.0)
        assert time.perf_counter() - began_s < MOST_S

    def test_real_time_starts_at_zero_and_passes(self) -> None:
        async def main() -> tuple[float, float]:
            return now_s(), await sleep(0.02)

        start_s, end_s = run(main, clock="real", seed=0, budget_s=10, wall_limit_s=20)
        assert start_s >= 0
        assert 0.02 <= end_s - start_s < MOST_S

    def test_a_deadline_is_met_to_the_bit(self) -> None:
        async def main() -> list[float]:
            return [await sleep_until(number / 10) for number in range(1, 2000)]

        async def sleep_until(deadline_s: float) -> float:
            await trio.sleep_until(deadline_s)
            return now_s()

        assert virtual(main) == [number / 10 for number in range(1, 2000)]

    def test_the_result_of_the_case_is_returned(self) -> None:
        assert run(sleep, 0, clock="real", seed=0, budget_s=10, wall_limit_s=20) >= 0

    @both_clocks
    def test_an_error_of_the_case_comes_out_as_it_was_raised(self, clock: ClockName) -> None:
        async def main() -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            run(main, clock=clock, seed=0, budget_s=10, wall_limit_s=20)


class TestTies:
    """The order of tasks due at one instant."""

    def test_one_seed_gives_one_order_whatever_ran_before(self) -> None:
        first = virtual(order_of_ties, seed=7)
        virtual(sleep, 1)
        with pytest.raises(StageError):
            virtual(trio.sleep_forever, budget_s=1)
        trio.run(order_of_ties)
        assert virtual(order_of_ties, seed=7) == first

    def test_another_seed_gives_another_order(self) -> None:
        assert virtual(order_of_ties, seed=7) != virtual(order_of_ties, seed=8)


class TestThreads:
    """Work trio cannot see stops the virtual clock."""

    def test_a_worker_thread_costs_no_virtual_time(self) -> None:
        async def main() -> tuple[float, float]:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep, 600)
                await trio.to_thread.run_sync(time.sleep, 0.02)
                after_thread_s = now_s()
            return after_thread_s, now_s()

        assert virtual(main) == (0.0, 600.0)

    def test_a_hold_stops_the_clock_until_it_is_released(self) -> None:
        async def main() -> tuple[float, float]:
            released = trio.Event()
            token = trio.lowlevel.current_trio_token()
            thread = threading.Timer(0.02, lambda: token.run_sync_soon(released.set))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep, 600)
                with hold():
                    thread.start()
                    await released.wait()
                    while_held_s = now_s()
            return while_held_s, now_s()

        assert virtual(main) == (0.0, 600.0)

    def test_a_hold_that_is_never_released_ends_with_its_run(self) -> None:
        async def main() -> None:
            hold().__enter__()

        virtual(main)
        assert virtual(sleep, 5) == 5.0


class TestTheBudget:
    """How long a case may last on its own clock."""

    @both_clocks
    def test_a_case_past_its_budget_is_ended_and_says_where_it_stood(
        self, clock: ClockName
    ) -> None:
        async def wait_for_nothing() -> None:
            await trio.sleep_forever()

        with pytest.raises(StageError) as caught:
            run(wait_for_nothing, clock=clock, seed=0, budget_s=0.02, wall_limit_s=20)
        first, *stack = str(caught.value).splitlines()
        assert first == "case ran past its budget of 0.02 s; it stood at"
        assert "wait_for_nothing" in stack[0]

    def test_a_case_that_ends_just_before_its_budget_is_whole(self) -> None:
        assert virtual(sleep, 9.999, budget_s=10) == 9.999

    def test_a_case_that_hides_its_end_is_still_past_its_budget(self) -> None:
        async def main() -> str:
            with trio.CancelScope(shield=True):
                await trio.sleep(20)
            return "done"

        with pytest.raises(StageError, match="budget of 10 s"):
            virtual(main, budget_s=10)

    def test_an_error_while_a_case_is_ended_is_the_cause(self) -> None:
        async def main() -> None:
            try:
                await trio.sleep_forever()
            finally:
                raise ZeroDivisionError

        with pytest.raises(StageError, match="budget of 10 s") as caught:
            virtual(main, budget_s=10)
        assert isinstance(caught.value.__cause__, ZeroDivisionError)

    def test_a_case_may_cancel_its_own_scopes(self) -> None:
        async def main() -> float:
            with trio.move_on_after(3):
                await trio.sleep_forever()
            return now_s()

        assert virtual(main) == 3.0

    def test_there_may_be_none(self) -> None:
        assert virtual(sleep, 1e9, budget_s=math.inf) == 1e9


class TestAfterwards:
    """Nothing of a run remains."""

    def test_the_random_state_of_trio_is_as_it_was(self) -> None:
        generator: random.Random = trio_run._r
        before = generator.getstate(), trio_run._ALLOW_DETERMINISTIC_SCHEDULING
        virtual(order_of_ties)
        with pytest.raises(ZeroDivisionError):
            virtual(fail)
        assert (generator.getstate(), trio_run._ALLOW_DETERMINISTIC_SCHEDULING) == before

    def test_signal_handlers_are_as_they_were(self) -> None:
        before = signal.getsignal(signal.SIGURG), signal.getsignal(signal.SIGINT)
        virtual(sleep, 1)
        assert (signal.getsignal(signal.SIGURG), signal.getsignal(signal.SIGINT)) == before

    def test_no_thread_is_left(self) -> None:
        virtual(sleep, 1)
        assert "wall-clock alarm" not in {thread.name for thread in threading.enumerate()}

    def test_a_real_run_after_a_virtual_one_takes_real_time(self) -> None:
        virtual(sleep, 900)
        took_s = run(sleep, 0.01, clock="real", seed=0, budget_s=10, wall_limit_s=20)
        assert 0.01 <= took_s < MOST_S


@both_clocks
def test_ctrl_c_comes_out_plain(clock: ClockName) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(press_ctrl_c)
            await trio.sleep(1)

    async def press_ctrl_c() -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(main, clock=clock, seed=0, budget_s=10, wall_limit_s=20)


async def fail() -> None:
    raise ZeroDivisionError


def test_a_second_run_at_the_same_time_is_a_bug() -> None:
    async def main() -> None:
        await trio.to_thread.run_sync(virtual, sleep, 1)

    with pytest.raises(AssertionError, match="second run"):
        virtual(main)
    assert virtual(sleep, 1) == 1.0


@both_clocks
def test_ctrl_c_is_not_lost_in_code_that_catches_everything(clock: ClockName) -> None:
    async def main() -> None:
        with suppress(BaseException):  # as careless servers do
            signal.raise_signal(signal.SIGINT)
        await trio.sleep(10_000)

    with pytest.raises(KeyboardInterrupt):
        run(main, clock=clock, seed=0, budget_s=20_000, wall_limit_s=20)


def test_a_second_ctrl_c_ends_what_never_reaches_a_checkpoint() -> None:
    reached: list[str] = []

    async def main() -> None:
        signal.raise_signal(signal.SIGINT)
        reached.append("first")
        signal.raise_signal(signal.SIGINT)
        reached.append("second")

    with pytest.raises(KeyboardInterrupt):
        virtual(main)
    assert reached == ["first"]


class TestSlowThreads:
    """Worker threads take real time, for which the virtual clock waits; but not for ever."""

    @pytest.fixture(autouse=True)
    def _soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("harness.clock.clocks.MOST_IN_THREADS_S", 0.1)

    def test_a_run_that_they_make_slower_than_the_real_clock_ends(self) -> None:
        async def main() -> None:
            while True:
                await trio.to_thread.run_sync(time.sleep, 0.05)

        with watch_outside() as outside, pytest.raises(StageError, match="works in threads"):
            virtual(main)
        assert outside.touched == "works in threads, which take real time"

    def test_a_run_that_is_ahead_of_the_real_clock_goes_on(self) -> None:
        async def main() -> float:
            await trio.sleep(100)
            await trio.to_thread.run_sync(time.sleep, 0.3)
            await trio.sleep(100)
            return trio.current_time()

        with watch_outside() as outside:
            assert virtual(main) == 200.0
        assert outside.touched is None

    def test_what_they_did_before_can_be_forgotten(self) -> None:
        async def main() -> float:
            for _ in range(5):
                await trio.to_thread.run_sync(time.sleep, 0.05)
                forget_threads()
            await trio.sleep(100)
            return trio.current_time()

        assert virtual(main) == 100.0
