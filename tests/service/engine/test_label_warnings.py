"""A line and a count for labels that should be looked at, and not too many lines."""

from __future__ import annotations

import logging

import pytest
from prometheus_client import REGISTRY

from memreward_service.belief.conflicts import ConflictKind, LabelConflict
from memreward_service.engine.label_warnings import LabelWarnings


def counted(kind: ConflictKind) -> float:
    return REGISTRY.get_sample_value("memreward_label_conflicts_total", {"kind": kind}) or 0.0


def test_each_conflict_is_counted_once_and_lines_are_rare(caplog: pytest.LogCaptureFixture) -> None:
    now = [100.0]
    warnings = LabelWarnings(lambda: now[0])
    before = counted(ConflictKind.LABELS), counted(ConflictKind.MAJORITY)
    found = [LabelConflict(f"q-{number}", "7", ConflictKind.LABELS) for number in range(4)]
    with caplog.at_level(logging.WARNING):
        warnings.note(found[:3])
        warnings.note(found[:3])
        now[0] += 9.9
        warnings.note([found[3]])
        now[0] += 0.2
        warnings.note([*found, LabelConflict("q-0", "7", ConflictKind.MAJORITY)])
    assert [record.getMessage() for record in caplog.records] == [
        "query 'q-0', answer '7': labels contradict each other",
        "query 'q-0', answer '7': one label says wrong, against a large majority of the group and of earlier rollouts "
        "(3 more since the last warning)",
    ]
    after = counted(ConflictKind.LABELS), counted(ConflictKind.MAJORITY)
    assert after == (before[0] + 4, before[1] + 1)
