"""READ FIRST: MemReward as the reward manager of verl 0.9.1 (V1 trainer).

verl calls `run_single` once a rollout, as soon as that rollout ends, in any of its reward workers: the rollouts of one
group arrive in different processes, and only the service sees a whole group. So every rollout is sent alone with its
place in its group, and the call waits until the service has its siblings.

    reward.reward_manager.source=importlib
    reward.reward_manager.module.path=pkg://memreward_trainer.verl.manager
    reward.reward_manager.name=GroupRewardManager
    +reward.memreward.url=http://127.0.0.1:8080
    +reward.memreward.domain=math

Rows of a validation get the true reward of verl's own reward function and are never sent. Training rows get a true
reward, of that function or of another verifier (verifiers/choose.py), in two ways: those whose query is in a label set
(verl/label_set.py), which are never sent, and those whose label the service asks for (verl/submit.py). Both are stored
as experience (verl/remember.py). Programs are run in a sandbox and compared by what they do (verl/programs.py). All
other keys are in verl/settings.py.
"""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import replace
from typing import Any

from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase
from verl.experimental.reward_loop.reward_manager.naive import NaiveRewardManager

from memreward_client import AsyncRewardClient, MemRewardError, NotScored, Rollout, Status, StoredRollout, Submission
from memreward_proto.records import fields_of
from memreward_trainer.adapter.outcomes import NO_QUESTION, Outcome
from memreward_trainer.adapter.unscored import is_about_the_rollout
from memreward_trainer.behaviour.run import behaviour_revision
from memreward_trainer.verifiers.choose import REWARD_FUNCTION, chosen_verifier
from memreward_trainer.verl import advantage as verl_advantage
from memreward_trainer.verl.compare import ComparedRollouts
from memreward_trainer.verl.label_set import LabelledQueries, RewardTally
from memreward_trainer.verl.programs import ProgramBehaviour, sandbox_for
from memreward_trainer.verl.remember import LabelledExperience
from memreward_trainer.verl.rows import RolloutRow, is_training, response_text
from memreward_trainer.verl.settings import VerlSettings
from memreward_trainer.verl.submit import TrueReward, VerifyingSubmitter
from memreward_trainer.verl.true_reward import NoTrueReward, TrueRewards
from memreward_trainer.verl.verifier import VerifierRewards

# The estimator is there as soon as verl loads the class, in the trainer's process too.
__all__ = ["GroupRewardManager", "verl_advantage"]

logger = logging.getLogger(__name__)

WAITING_CALLS = 1_000
"""Calls that a Ray actor with coroutine methods, as verl's reward workers are, holds at once."""


class GroupRewardManager(RewardManagerBase):  # type: ignore[misc]
    """Rewards of whole groups by the MemReward service; the lines for verl's configuration stand above.

    What could not be scored becomes what `reward.memreward.on_unscored` says, with a warning in the log and the totals
    of this worker each time. mask: an error, on which verl's V1 trainer leaves this rollout out and trains on with
    its siblings. raise: a reward of NaN, at which the advantage estimator memreward_grpo ends the run.
    """

    def __init__(
        self,
        config: Any,
        tokenizer: Any,
        compute_score: Any,
        reward_router_address: str | None = None,
        reward_model_tokenizer: Any = None,
    ) -> None:
        """verl's own signature; `compute_score` gives the true rewards.

        Raises:
            ValueError: `config.reward.memreward` cannot be, its label set cannot be read, or programs cannot be run.
        """
        super().__init__(config, tokenizer, compute_score)
        self.settings = VerlSettings.of(config)
        self._group_size = int(config.actor_rollout_ref.rollout.n)
        self.labelled = LabelledQueries.of(self.settings)
        labels = self.labelled is not None or self.settings.label_share is not None
        self.tally = RewardTally(with_labels=labels)
        asking = (config, tokenizer, compute_score, reward_router_address, reward_model_tokenizer)
        self._validation = NaiveRewardManager(*asking)
        sandbox = sandbox_for(self.settings, config)
        self.true_rewards: TrueReward
        if self.settings.verifier == REWARD_FUNCTION:
            self.true_rewards = TrueRewards(*asking, self.settings.verify_seconds)
        else:
            verifier = chosen_verifier(self.settings.verifier, self.settings.verify_seconds, sandbox)
            self.true_rewards = VerifierRewards(self.settings, tokenizer, verifier)
        self.behaviour = ProgramBehaviour(self.settings, sandbox)
        connection = self.settings.connection
        self.client = AsyncRewardClient(connection.url, api_key=connection.api_key)
        self.submitter = VerifyingSubmitter(self.client, self.settings, self.true_rewards, self.tally, self._remember)
        self.experience = LabelledExperience(self.client)
        self.compared = ComparedRollouts(self.client, self.settings)
        rollouts = int(config.data.train_batch_size) * self._group_size
        places = int(config.reward.num_workers) * WAITING_CALLS
        if rollouts > places:
            logger.warning(
                "A step has %d rollouts, and the reward workers hold %d calls at once: while groups fill up, a sibling "
                "may have to wait for a place. Give them more by reward.num_workers.",
                rollouts,
                places,
            )

    async def run_single(self, data: Any) -> dict[str, Any]:
        """The reward of the last row of `data`, a DataProto: {"reward_score": float, "reward_extra_info": dict}.

        Of a training row the extra info has the keys reward, probability, status, source and model_version; what is
        not known is None. A validation row has what verl's own manager gives, and these keys except reward, because
        verl adds a list of that name itself.

        Raises:
            NotScored: the rollout is to be left out of training.
            ValueError: the row does not say which group, split or labelled query it is from.
        """
        row = data[-1:][0]
        if not is_training(row, self.settings):
            return await self._validated(data)
        read = RolloutRow.of(row, self.settings)
        self.tally.reached(read.step)
        if self.labelled is not None and self.labelled.holds(row.non_tensor_batch):
            return await self._verified(data, read)
        return await self._predicted(data, read)

    async def _validated(self, data: Any) -> dict[str, Any]:
        result: dict[str, Any] = await self._validation.run_single(data)
        provenance = Outcome(None, None, "ok", "label", None).provenance()
        return result | {"reward_extra_info": provenance | result["reward_extra_info"]}

    async def _verified(self, data: Any, read: RolloutRow) -> dict[str, Any]:
        """The true reward of a rollout whose query is in the label set; never a prediction, which the service compares
        with it in the background."""
        try:
            reward = await self.true_rewards.of(data)
        except NoTrueReward as error:
            return self._unscored(read, Outcome.failed(error.status), error, to_correct=error.to_correct)
        self.tally.scored += 1
        self.tally.labelled += 1
        submission = await self._submission(data[-1:][0], read)
        labelled = replace(submission, rollout=replace(submission.rollout, label=reward), label_budget=None)
        self._remember(labelled)
        self.compared.add(labelled)
        return _result(reward, reward, Outcome(reward, None, "ok", "label", None))

    async def _predicted(self, data: Any, read: RolloutRow) -> dict[str, Any]:
        """The reward that the service answers: a label only where it has asked for it."""
        if not read.query.text.strip():
            return self._unscored(read, Outcome.failed(Status.INVALID, NO_QUESTION))
        ends = asyncio.get_running_loop().time() + self.settings.deadline_seconds
        submission = await self._submission(data[-1:][0], read)
        try:
            answer = await self.submitter.submit(submission, data, ends)
        except MemRewardError as error:
            return self._unscored(read, Outcome.failed(error.code), error, to_correct=not is_about_the_rollout(error))
        outcome = Outcome.answered(answer, answer.model_version)
        if outcome.reward is None:
            return self._unscored(read, outcome)
        self.tally.scored += 1
        self.tally.labelled += outcome.source == "label"
        return _result(outcome.reward, outcome.reward, outcome)

    async def _submission(self, row: Any, read: RolloutRow) -> Submission:
        response = await response_text(row, self.tokenizer)
        behaviour = await self.behaviour.of(read.query, response)
        version = None if behaviour is None else behaviour_revision()
        return Submission(
            run_id=self.settings.run_id,
            group_id=read.group_id,
            rollout_index=read.rollout_index,
            group_size=self._group_size,
            query=read.query,
            rollout=Rollout(response, behaviour=behaviour, behaviour_version=version),
            step=read.step,
            label_budget=self.settings.label_budget,
        )

    def _remember(self, labelled: Submission) -> None:
        """Store a rollout whose label is known, in the background."""
        if self.settings.remember:
            place = f"{labelled.run_id}/{labelled.group_id}/{labelled.rollout_index}"
            rollout = StoredRollout(
                **fields_of(labelled.rollout),
                id=place,
                label_source="verifier",
                policy=self.settings.policy,
                step=labelled.step,
            )
            self.experience.add(labelled.query, rollout)

    def _unscored(
        self, read: RolloutRow, outcome: Outcome, error: Exception | None = None, *, to_correct: bool = False
    ) -> dict[str, Any]:
        """What the rule says for a rollout without a reward; it stands in the log too."""
        rule = self.settings.rule
        self.tally.unscored[outcome.status] += 1
        # A mistake in the set-up must not become a reward, not even a stated one.
        raised = rule.action == "mask" or (rule.action == "state" and to_correct)
        place = f"rollout {read.rollout_index} of group {read.group_id} (step {read.step})"
        why = outcome.reason if error is None else error
        reason = outcome.status if why is None else f"{outcome.status}: {why}"
        treated = "It is left out of training." if raised else f"{rule}."
        logger.warning("MemReward could not score %s: %s. %s In this worker: %s.", place, reason, treated, self.tally)
        if raised:
            raise NotScored(f"MemReward could not score {place}: {reason}") from error
        return _result(math.nan if rule.reward is None else rule.reward, rule.reward, outcome)


def _result(score: float, reward: float | None, outcome: Outcome) -> dict[str, Any]:
    """What verl takes: the score, and beside it always the same keys."""
    return {"reward_score": score, "reward_extra_info": {"reward": reward} | outcome.provenance()}
