"""Puts the service together and runs it: settings -> processes that read expressions -> engine -> both transports."""

from __future__ import annotations

import asyncio
import logging

from memreward_service.answers import math_values
from memreward_service.engine.engine import Engine
from memreward_service.server import serve
from memreward_service.settings import Settings


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises MemRewardError or OSError, with a sentence, where it cannot start."""
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    for chatty in ("httpx", "sentence_transformers", "alembic", "faiss"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    # While the engine starts, so that the first expression does not wait for processes.
    math_values.start()
    try:
        await serve(await asyncio.to_thread(Engine, settings), settings)
    finally:
        await asyncio.to_thread(math_values.close)
