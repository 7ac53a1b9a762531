"""The benchmark of the console's pages asks every page and every request for data."""

from benchmarks.console_pages import check_all_asked


def test_every_route_is_measured_or_the_benchmark_says_why_not() -> None:
    check_all_asked()
