"""Durations fall into the bucket of their upper bound."""

import pytest
from sqlalchemy import create_engine, literal, select

from messaging.metrics.histogram import Histogram


@pytest.mark.parametrize(("duration_ms", "bucket"), [(0, 0), (10, 0), (11, 1), (1000, 1), (1001, 2)])
def test_the_database_finds_the_bucket(duration_ms: int, bucket: int) -> None:
    histogram = Histogram((10, 1000))
    with create_engine("sqlite://").connect() as connection:
        assert connection.execute(select(histogram.bucket_of(literal(duration_ms)))).scalar_one() == bucket


def test_each_bucket_has_all_smaller_ones() -> None:
    histogram = Histogram((10, 1000))
    histogram.add(0, 2, 12)
    histogram.add(1, 1, 500)
    histogram.add(2, 4, 8000)
    assert histogram.buckets() == [("0.01", 2.0), ("1.0", 3.0), ("+Inf", 7.0)]
    assert histogram.sum_s == 8.512
