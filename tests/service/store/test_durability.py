"""kill -9 in the middle of writing: what was answered is there, and nothing is there by half."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from memreward_proto.records import Domain, Experience, Label, StoredRollout
from memreward_service.store import ExperienceStore

QUERIES, ROLLOUTS = 60, 8
WRITER = Path(__file__)


def call(number: int) -> list[Experience]:
    """The content of one call: it spans enough rows that most kills land inside its transaction."""
    return [
        Experience(
            f"query {number}.{i}",
            f"q{number:05}.{i}",
            Domain.TEXT,
            rollouts=tuple(
                StoredRollout("response " * 50, label=None if j else 1.0, id=f"r{number:05}.{i}.{j}")
                for j in range(ROLLOUTS)
            ),
        )
        for i in range(QUERIES)
    ]


def late_labels(number: int) -> list[Label]:
    return [Label(f"r{number:05}.{i}.1", 0.0, "expert") for i in range(QUERIES)]


def write_forever(url: str, number: int) -> None:
    store = ExperienceStore(url)
    while True:
        print("experience", number, store.add_experience(call(number)).version, flush=True)
        print("labels", number, store.add_labels(late_labels(number)).version, flush=True)
        number += 1


def killed_writer(url: str, number: int, after: int, delay_s: float) -> list[tuple[str, int, int]]:
    """The receipts that a writer printed before SIGKILL, which comes `delay_s` after its `after`-th."""
    writer = subprocess.Popen(
        [sys.executable, "-W", "error", WRITER, url, str(number)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout
    lines = [writer.stdout.readline() for _ in range(after)]
    time.sleep(delay_s)
    writer.kill()
    lines += writer.stdout.readlines()
    assert writer.wait() == -signal.SIGKILL
    writer.stdout.close()
    receipts = [line.split() for line in lines if line.endswith("\n")]
    return [(kind, int(at), int(version)) for kind, at, version in receipts]


def stored_calls(store: ExperienceStore) -> dict[int, list[Experience]]:
    stored: dict[int, list[Experience]] = {}
    for found in store.page(None, 100_000):
        stored.setdefault(int(found.id[1:6]), []).append(found)
    return stored


def labelled(found: Experience) -> list[float | None]:
    return [stored.label for stored in found.rollouts]


@pytest.mark.slow
def test_kill_9_loses_nothing_answered_and_leaves_nothing_half_written(store_url: str) -> None:
    draw = random.Random(9)
    receipts: list[tuple[str, int, int]] = []
    start = 0
    for _ in range(5):
        receipts += killed_writer(store_url, start, after=3, delay_s=draw.uniform(0.0, 0.08))
        store = ExperienceStore(store_url)
        stored = stored_calls(store)
        answered = {number for kind, number, _ in receipts if kind == "experience"}
        assert answered <= set(stored)
        late = {number for kind, number, _ in receipts if kind == "labels"}
        for number, found in stored.items():
            assert sorted(one.id for one in found) == sorted(one.id for one in call(number))
            assert {len(one.rollouts) for one in found} == {ROLLOUTS}
            [labels] = {tuple(labelled(one)) for one in found}
            assert labels[0] == 1.0
            assert labels[1] in ((0.0,) if number in late else (None, 0.0))
            assert set(labels[2:]) == {None}
        counts = store.counts()
        assert counts.version >= max(version for _, _, version in receipts)
        assert counts.queries == len(stored) * QUERIES
        assert counts.rollouts == len(stored) * QUERIES * ROLLOUTS
        assert counts.labels == sum(value is not None for f in stored.values() for o in f for value in labelled(o))
        last = max(stored)
        assert store.add_experience(call(last)).rollouts_added == 0
        assert store.add_experience(call(last + 1)).rollouts_added == QUERIES * ROLLOUTS
        store.close()
        start = last + 2
    versions = [version for _, _, version in receipts]
    assert versions == sorted(set(versions))


if __name__ == "__main__":
    write_forever(sys.argv[1], int(sys.argv[2]))
