"""What the service and its training process say to each other over two pipes: lines of JSON, and arrays as safetensors.

service -> process   an order (what to train, and how), the arrays of the labelled queries; then nothing: the end of
                     this pipe is the end of the service
process -> service   {"progress": share} again and again; at last {"code": …, "message": …} or what was found, and
                     the weights
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import IO, Any

from safetensors.torch import load, save
from torch import Tensor

from memreward_proto.records import Interval, TrustIntervals
from memreward_service.belief.calibration import Calibration
from memreward_service.groups.batch import GroupBatch
from memreward_service.network.attachment import AttachRule
from memreward_service.network.gnn import ModelConfig, RewardGNN
from memreward_service.network.trained import TrainedModel
from memreward_service.training.comparison import Comparison, Difference, Served
from memreward_service.training.task import TrainingSet

Message = tuple[dict[str, Any], dict[str, Tensor]]
"""A line of JSON and the arrays that follow it."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a process is to train, and how. `device` and `threads` are PyTorch's."""

    rule: AttachRule
    seeds: int
    epochs: int
    seed: int
    threshold: float
    label_noise: float
    device: str
    threads: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a training made: a model, the intervals of its metrics over `held_out` groups, and how it compares with what
    is served now."""

    model: TrainedModel
    intervals: TrustIntervals
    held_out: int
    comparison: Comparison


def send(pipe: IO[bytes], message: Mapping[str, Any], arrays: Mapping[str, Tensor] | None = None) -> None:
    """Write a message. Raises OSError where nobody reads."""
    content = b"" if arrays is None else save({name: each.contiguous() for name, each in arrays.items()})
    pipe.write(json.dumps({**message, "bytes": len(content)}).encode() + b"\n")
    pipe.write(content)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Message | None:
    """The next message; None where the writer ended before it was whole."""
    line = pipe.readline()
    if not line.endswith(b"\n"):
        return None
    message = json.loads(line)
    size = message.pop("bytes")
    content = pipe.read(size)
    if len(content) < size:
        return None
    return message, load(content) if size else {}


def order_message(order: Order, data: TrainingSet, served: Served) -> Message:
    """An order with all that belongs to it."""
    arrays = {field.name: getattr(data.batch, field.name) for field in fields(GroupBatch)}
    named = {"domain": data.domain, "agreement": served.agreement, "learned": served.learned, "audited": served.audited}
    line: dict[str, Any] = {"order": asdict(order), "served": None}
    if served.model is not None:
        line["served"], weights = _model_message(served.model)
        named |= {f"weights.{name}": value for name, value in weights.items()}
    return line, {f"batch.{name}": value for name, value in arrays.items()} | named


def order_of(message: Message) -> tuple[Order, TrainingSet, Served]:
    """What `order_message` made a message of."""
    line, arrays = message
    order = Order(**{**line["order"], "rule": AttachRule(**line["order"]["rule"])})
    batch = GroupBatch(**_under("batch.", arrays))
    model = None if line["served"] is None else _model_of(line["served"], _under("weights.", arrays))
    served = Served(model, arrays["agreement"], arrays["learned"], arrays["audited"])
    return order, TrainingSet(batch, arrays["domain"]), served


def candidate_message(candidate: Candidate) -> Message:
    """What was found, with the weights."""
    model, weights = _model_message(candidate.model)
    found = {name: value for name, value in asdict(candidate).items() if name != "model"}
    return {"model": model, **found}, weights


def candidate_of(message: Message) -> Candidate:
    """What `candidate_message` made a message of."""
    line, weights = message
    comparison = {name: None if each is None else Difference(**each) for name, each in line["comparison"].items()}
    return Candidate(
        _model_of(line["model"], weights), _intervals_of(line["intervals"]), line["held_out"], Comparison(**comparison)
    )


def _intervals_of(plain: Mapping[str, Any]) -> TrustIntervals:
    """Intervals from the object that JSON has of them."""
    return TrustIntervals(**{name: None if ends is None else Interval(**ends) for name, ends in plain.items()})


def _model_message(model: TrainedModel) -> Message:
    line = {
        "config": asdict(model.network.config),
        "calibration": asdict(model.calibration),
        "rule": asdict(model.rule),
        "metrics": model.metrics,
    }
    return line, {name: value.cpu() for name, value in model.network.state_dict().items()}


def _model_of(line: Mapping[str, Any], weights: Mapping[str, Tensor]) -> TrainedModel:
    network = RewardGNN(ModelConfig(**line["config"]))
    network.load_state_dict(weights)
    network.requires_grad_(False).eval()
    return TrainedModel(network, Calibration(**line["calibration"]), AttachRule(**line["rule"]), line["metrics"])


def _under(prefix: str, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
