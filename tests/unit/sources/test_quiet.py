from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.sources.quiet import QuietRules, Sighting, judge

RULES = QuietRules(settle=10.0)
NAMES = st.sampled_from(["a.csv", "b.csv", "a.csv.part", "b.csv.tmp", "a.csv.done", "sub/c.csv"])
LISTING = st.dictionaries(NAMES, st.tuples(st.integers(0, 2), st.integers(0, 2)))
STEPS = st.lists(st.tuples(st.floats(0.0, 30.0), LISTING), min_size=1, max_size=12)


@given(STEPS)
def test_what_is_taken_stood_unchanged_for_the_settle_time(steps):
    history: list[tuple[float, dict[str, tuple[int, int]]]] = []
    memory: dict[str, Sighting] = {}
    now = 0.0
    for wait, listing in steps:
        now += wait
        memory, complete = judge(memory, listing, now, RULES)
        history.append((now, listing))
        for path in complete:
            assert not path.endswith((".part", ".tmp"))
            assert unchanged_for(history, path) >= RULES.settle


def unchanged_for(history: list[tuple[float, dict[str, tuple[int, int]]]], path: str) -> float:
    """Seconds for which the file has been listed with its present values, under a temporary name at first or not."""
    now, listing = history[-1]
    seen = listing[path]
    names = (path, *(path + ending for ending in (".tmp", ".part", ".partial", ".filepart")))
    since = now
    for at, earlier in reversed(history):
        if seen not in {earlier.get(name) for name in names}:
            break
        since = at
    return now - since


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=2, max_size=20, unique=True))
def test_a_file_that_changes_at_every_listing_is_never_taken(versions):
    memory: dict[str, Sighting] = {}
    for number, version in enumerate(versions):
        memory, complete = judge(memory, {"a.csv": version}, number * 1_000.0, RULES)
        assert complete == set()


def test_one_listing_is_never_enough_even_without_settle_time():
    rules = QuietRules(settle=0.0)
    memory, complete = judge({}, {"a.csv": (1, 1)}, 0.0, rules)
    assert complete == set()
    assert judge(memory, {"a.csv": (1, 1)}, 0.0, rules)[1] == {"a.csv"}


def test_a_file_that_went_and_came_back_waits_again():
    memory, _ = judge({}, {"a.csv": (1, 1)}, 0.0, RULES)
    memory, _ = judge(memory, {}, 5.0, RULES)
    memory, complete = judge(memory, {"a.csv": (1, 1)}, 10.0, RULES)
    assert complete == set()
    assert judge(memory, {"a.csv": (1, 1)}, 20.0, RULES)[1] == {"a.csv"}


def test_a_server_clock_far_off_does_not_matter():
    for stamp in (-1, 0, 10**21):
        memory, _ = judge({}, {"a.csv": (0, stamp)}, 0.0, RULES)
        assert judge(memory, {"a.csv": (0, stamp)}, 10.0, RULES)[1] == {"a.csv"}


def test_a_renamed_file_that_grew_after_the_last_look_waits():
    memory, _ = judge({}, {"a.csv.part": (1, 1)}, 0.0, RULES)
    memory, complete = judge(memory, {"a.csv": (2, 2)}, 50.0, RULES)
    assert complete == set()
    assert judge(memory, {"a.csv": (2, 2)}, 60.0, RULES)[1] == {"a.csv"}


def test_a_marker_counts_alone_or_with_quiet():
    alone = QuietRules(10.0, ".done")
    both = QuietRules(10.0, ".done", marker_suffices=False)
    listing = {"a.csv": (1, 1), "a.csv.done": (0, 1), "b.csv": (1, 1)}
    memory, complete = judge({}, listing, 0.0, alone)
    assert complete == {"a.csv"}
    assert judge(memory, listing, 99.0, alone)[1] == {"a.csv"}
    assert judge({}, listing, 0.0, both)[1] == set()
    assert judge(memory, listing, 10.0, both)[1] == {"a.csv"}
