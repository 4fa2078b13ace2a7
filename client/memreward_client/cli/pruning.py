"""`memreward prune`: what stored rollouts are over a limit, before and after they go."""

from __future__ import annotations

from rich.table import Table

from memreward_proto.records import PruneReason, PruneReport

WHY = {
    PruneReason.ROLLOUTS_PER_QUERY: "more rollouts of their query than are kept",
    PruneReason.DAYS: "without a label, and older than is kept",
    PruneReason.BYTES: "the oldest, of more bytes than are kept",
}
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def prune_table(report: PruneReport) -> Table:
    """Rollouts and bytes by reason, and in all."""
    table = Table("why", "rollouts", "bytes")
    for column in table.columns[1:]:
        column.justify = "right"
    for one in report.reasons:
        table.add_row(WHY[one.reason], f"{one.rollouts:,}", size(one.bytes))
    table.add_row("in all", f"{report.rollouts:,}", size(report.bytes))
    return table


def summary(report: PruneReport) -> str:
    """What happened, or would, and what to do next."""
    if not report.rollouts:
        return "Nothing is over a limit: every rollout stays."
    what = f"{report.rollouts:,} rollouts of {report.queries:,} queries, {size(report.bytes)} of text"
    if report.dry_run:
        return f"Would go: {what}. Nothing is removed yet: --yes removes them. The history of each query stays."
    return f"Removed: {what}. The history of each query stays."


def size(count: float) -> str:
    """A number of bytes for people."""
    for unit in UNITS[:-1]:
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} {UNITS[-1]}"
