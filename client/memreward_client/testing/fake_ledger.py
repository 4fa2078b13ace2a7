"""What a FakeService keeps of the labels that runs were asked for; it says no to none."""

from __future__ import annotations

from memreward_proto.records import LabelSpending, StepSpending

Identity = tuple[str, str, int, int]
"""run_id, group_id, group_attempt, rollout_index."""


class FakeLedger:
    """Counts as the service does: each group once, with all its rollouts, in the step it came with first; each label
    once. `asked` holds the rollouts whose label was asked for, in that order."""

    def __init__(self) -> None:
        self.asked: dict[Identity, None] = {}
        self._groups: dict[tuple[str, str, int], tuple[int | None, int]] = {}

    def count(self, identity: Identity, step: int | None, group_size: int) -> None:
        """The group of a rollout may be asked for labels."""
        self._groups.setdefault(identity[:3], (step, group_size))

    def ask(self, identity: Identity) -> None:
        """The label of a rollout is asked for."""
        self.asked.setdefault(identity)

    def spending(self, run_id: str) -> LabelSpending:
        """The answer of GET /v1/label-spending."""
        groups = {group: known for group, known in self._groups.items() if group[0] == run_id}
        asked = [identity[:3] for identity in self.asked if identity[0] == run_id]
        found = {step for step, _ in groups.values()}
        steps = tuple(
            StepSpending(
                step,
                sum(size for at, size in groups.values() if at == step),
                sum(groups[group][0] == step for group in asked),
            )
            for step in sorted(found, key=lambda step: -1 if step is None else step)
        )
        return LabelSpending(run_id, sum(each.rollouts for each in steps), len(asked), steps)
