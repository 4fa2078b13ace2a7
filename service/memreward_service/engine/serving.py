"""Which model answers: the active one from the start on, another one when it is activated, none before the first.

training/registry.py keeps the versions on disk; memory/follower.py holds the states of memory under the one that is
served, and exchanges both in one step.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

import torch

from memreward_proto.errors import Conflict, ModelNotTrained, NotFound, Unavailable
from memreward_proto.records import ModelInfo
from memreward_service.memory.follower import RETRY_SECONDS, MemoryFollower
from memreward_service.network.trained import ServingModel
from memreward_service.training.registry import ModelRegistry

LOADING_RETRY_SECONDS = 1.0
"""After how many seconds a caller who came while the model is being loaded should come back."""

LOADING = "The model is being loaded and memory brought up to date: try again in a moment."

_log = logging.getLogger(__name__)


class Serving:
    """Loads models and has the follower serve them. Lives on the event loop that it was made on."""

    def __init__(
        self, registry: ModelRegistry, follower: MemoryFollower, encoder: str, device: torch.device, without_model: str
    ) -> None:
        """Begins to open the active model, then to follow the store. `encoder` is the revision of the embedding weights
        that are loaded, `device` where networks are served; `without_model` as Settings has it."""
        self._registry = registry
        self._follower = follower
        self._encoder = encoder
        self._device = device
        self._without_model = without_model
        self._refused: str | None = None
        self._opening = asyncio.create_task(self._open(), name="open-model")

    async def opened(self) -> None:
        """Wait until the active model is served, or known not to be servable."""
        await asyncio.wait({self._opening})

    async def close(self) -> None:
        """Give up opening."""
        self._opening.cancel()
        await self.opened()

    def ready(self) -> str | None:
        """None when rewards are answered; else one sentence that says what is missing and what to do."""
        if self._follower.serving is not None:
            return None
        if not self._opening.done():
            return LOADING
        if self._without_model == "agreement":
            return self._refused
        return self._refused or (
            "No model is trained yet: add experience with labels (POST /v1/experience), "
            "then train (POST /v1/training, or `memreward train`)."
        )

    def check_opened(self) -> None:
        """Raises Unavailable while the model is being loaded, which passes."""
        if self._follower.serving is None and not self._opening.done():
            raise Unavailable(LOADING, retry_after=LOADING_RETRY_SECONDS)

    def check_ready(self) -> None:
        """Raises Unavailable while the model is being loaded, which passes, and ModelNotTrained where there is none."""
        self.check_opened()
        if (missing := self.ready()) is not None:
            raise ModelNotTrained(missing)

    async def activate(self, version: str) -> ModelInfo:
        """Serve a kept version, and make it the active one. Raises NotFound, and Conflict for a model of other
        embedding weights than those that are loaded, or one that is damaged."""
        info = await asyncio.to_thread(self._registry.info, version)
        if not await self._fits(version):
            raise Conflict(_of_other_weights(version), model_version=version)
        await self._serve(version, self._registry.activate)
        return replace(info, active=True)

    async def _open(self) -> None:
        """Serve the active model if there is one, then follow the store."""
        version = None
        try:
            version = await asyncio.to_thread(self._registry.active)
            if version is not None:
                if await self._fits(version):
                    await self._serve_after_outage(version)
                else:
                    self._refuse(_of_other_weights(version))
        except (Conflict, NotFound) as error:
            self._refuse(f"Model {version} cannot be served: {error.message}")
        except Exception:
            _log.exception("model %s cannot be served", version)
            self._refuse(f"Model {version} cannot be served, the log says why: activate another one, or train again.")
        finally:
            self._follower.start()

    def _refuse(self, why: str) -> None:
        self._refused = why
        _log.warning("%s", why)

    async def _fits(self, version: str) -> bool:
        """Whether a version belongs to the embedding weights that are loaded."""
        return (await asyncio.to_thread(self._registry.facts, version)).encoder == self._encoder

    async def _serve_after_outage(self, version: str) -> None:
        while True:
            try:
                return await self._serve(version)
            except Unavailable as error:
                _log.warning("model %s is not served yet: %s", version, error.message)
                await asyncio.sleep(RETRY_SECONDS)

    async def _serve(self, version: str, record: Callable[[str], None] | None = None) -> None:
        trained = await asyncio.to_thread(self._registry.load, version)
        trained.network.to(self._device)
        await self._follower.serve(ServingModel(version, trained), record)


def _of_other_weights(version: str) -> str:
    return (
        f"Model {version} was trained with other embedding weights: train again, or start the service with the "
        "embedding model it belongs to."
    )
