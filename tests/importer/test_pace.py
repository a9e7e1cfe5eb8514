"""The speed of an import, on a clock that the test moves."""

from touchline.importer.pace import Pace


class Wall:
    """Seconds, moved by waiting alone."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def pace(speed: float | None, wall: Wall) -> Pace:
    return Pace(speed, now=lambda: wall.now, wait=wall.wait)


def test_history_passes_at_the_speed_that_was_asked_for() -> None:
    wall = Wall()
    runner = pace(3_600.0, wall)
    for hours in (0, 1, 1, 3, 10):
        runner.due(hours * 3_600_000, 0)
    assert wall.waits == [1.0, 2.0, 7.0]
    assert wall.now == 110.0


def test_a_late_publisher_catches_up_without_waiting() -> None:
    wall = Wall()
    runner = pace(1.0, wall)
    runner.due(0, 0)
    wall.now += 60
    runner.due(50_000, 1)
    runner.due(70_000, 2)
    assert wall.waits == [10.0]


def test_at_full_speed_time_is_told_after_every_thousand() -> None:
    wall = Wall()
    runner = pace(None, wall)
    assert [number for number in range(3_001) if runner.due(number, number)] == [1_000, 2_000, 3_000]
    assert wall.waits == []


def test_a_slow_import_tells_the_time_each_second() -> None:
    wall = Wall()
    runner = pace(1.0, wall)
    assert [at for at in range(10) if runner.due(at * 500, at)] == [2, 4, 6, 8]


def test_thin_history_tells_the_time_each_hour_of_it_but_not_after_every_touchpoint() -> None:
    wall = Wall()
    runner = pace(None, wall)
    minute, hour = 60_000, 3_600_000
    assert [number for number in range(200) if runner.due(number * minute, number)] == [60, 120, 180]
    runner = pace(None, wall)
    assert [number for number in range(30) if runner.due(number * hour, number)] == [8, 16, 24]
