"""How long to wait and when to give up, without a clock."""

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxpress.store.sources.backoff import Attempts, Failure, Limits, delay_s, retry_after_s

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMITS = Limits(first_delay_s=0.5, longest_delay_s=8, deadline_s=60, patience_s=300)


@given(attempt=st.integers(0, 5000), seed=st.integers(0, 2**32))
def test_a_delay_doubles_up_to_its_cap(attempt, seed):
    delay = delay_s(attempt, None, random.Random(seed), LIMITS)
    assert 0 <= delay <= min(8, 0.5 * 2 ** min(attempt, 10))


def test_jitter_is_full():
    delays = [delay_s(9, None, random.Random(seed), LIMITS) for seed in range(400)]
    assert min(delays) < 0.5
    assert max(delays) > 7.5
    assert 3.5 < sum(delays) / len(delays) < 4.5


@given(asked=st.floats(0, 1e6), seed=st.integers(0, 2**32))
def test_what_the_server_asks_for_is_a_lower_bound(asked, seed):
    delay = delay_s(0, asked, random.Random(seed), LIMITS)
    assert asked <= delay <= asked * 1.1 + LIMITS.first_delay_s


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"Retry-After": "7"}, 7.0, id="seconds"),
        pytest.param({"retry-after": " 2.5 "}, 2.5, id="a fraction, lower case"),
        pytest.param({"Retry-After": "-3"}, None, id="negative"),
        pytest.param({"Retry-After": "soon"}, None, id="nonsense"),
        pytest.param({"Retry-After": "9" * 40}, None, id="too many digits"),
        pytest.param({"Retry-After": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, 90.0, id="a date"),
        pytest.param({"Retry-After": format_datetime(NOW - timedelta(days=1), usegmt=True)}, 0.0, id="a past date"),
        pytest.param({"Retry-After": "Sun, 01 Mar 2026 12:00:30 -0000"}, 30.0, id="a date without a time zone"),
        pytest.param({"RateLimit": '"resolvers";r=0;t=57'}, 57.0, id="the Hub's, quota used up"),
        pytest.param({"RateLimit": '"resolvers";r=10;t=57'}, None, id="the Hub's, quota left"),
        pytest.param({"Retry-After": "3", "RateLimit": '"api";r=0;t=57'}, 3.0, id="both"),
    ],
)
def test_what_a_server_asks_for_is_understood(headers, expected):
    assert retry_after_s(headers, NOW) == expected


def test_a_read_gives_up_at_its_deadline():
    attempts, now, rng = Attempts(LIMITS, since=100.0), 100.0, random.Random(0)
    while (delay := attempts.delay(Failure("broke"), now, rng, known=True)) is not None:
        now += delay + 0.1
        assert now - 100 <= LIMITS.deadline_s + 0.1
    assert now - 100 > LIMITS.deadline_s - LIMITS.longest_delay_s
    assert attempts.total > 10


def test_a_server_that_says_how_long_to_wait_is_given_more_patience():
    rng = random.Random(0)
    assert Attempts(LIMITS, 0.0).delay(Failure("429", retry_after=200.0), 0.0, rng, known=True) >= 200
    assert Attempts(LIMITS, 0.0).delay(Failure("429", retry_after=301.0), 0.0, rng, known=True) is None


def test_progress_starts_patience_anew():
    attempts = Attempts(LIMITS, since=0.0)
    assert attempts.delay(Failure("broke"), 70.0, random.Random(0), known=True) is None
    attempts.progressed(65.0)
    assert attempts.delay(Failure("broke"), 70.0, random.Random(0), known=True) is not None
    assert attempts.failed == 1


@pytest.mark.parametrize(("known", "most"), [(False, 4), (True, 1000)], ids=["never answered", "answered before"])
def test_a_host_that_never_answered_is_given_up_soon(known, most):
    attempts, rng = Attempts(LIMITS, since=0.0), random.Random(0)
    count = 1
    while count < 1000 and attempts.delay(Failure("refused", unreachable=True), 0.0, rng, known=known) is not None:
        count += 1
    assert count == most


@pytest.mark.parametrize("field", ["connect_s", "timeout_s", "deadline_s", "least_bytes", "requests"])
def test_limits_must_be_positive(field):
    with pytest.raises(ValueError, match=f"{field} must be .*, got 0"):
        Limits(**{field: 0})
