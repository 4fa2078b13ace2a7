from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Query(_message.Message):
    __slots__ = ("text", "id", "domain", "dataset")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    text: str
    id: str
    domain: str
    dataset: str
    def __init__(self, text: _Optional[str] = ..., id: _Optional[str] = ..., domain: _Optional[str] = ..., dataset: _Optional[str] = ...) -> None: ...

class Outcomes(_message.Message):
    __slots__ = ("outcomes",)
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, outcomes: _Optional[_Iterable[str]] = ...) -> None: ...

class Behaviour(_message.Message):
    __slots__ = ("sets",)
    SETS_FIELD_NUMBER: _ClassVar[int]
    sets: _containers.RepeatedCompositeFieldContainer[Outcomes]
    def __init__(self, sets: _Optional[_Iterable[_Union[Outcomes, _Mapping]]] = ...) -> None: ...

class Rollout(_message.Message):
    __slots__ = ("response", "thinking", "answer", "answer_key", "label", "behaviour", "behaviour_version")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    THINKING_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    ANSWER_KEY_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    BEHAVIOUR_FIELD_NUMBER: _ClassVar[int]
    BEHAVIOUR_VERSION_FIELD_NUMBER: _ClassVar[int]
    response: str
    thinking: str
    answer: str
    answer_key: str
    label: float
    behaviour: Behaviour
    behaviour_version: str
    def __init__(self, response: _Optional[str] = ..., thinking: _Optional[str] = ..., answer: _Optional[str] = ..., answer_key: _Optional[str] = ..., label: _Optional[float] = ..., behaviour: _Optional[_Union[Behaviour, _Mapping]] = ..., behaviour_version: _Optional[str] = ...) -> None: ...

class Group(_message.Message):
    __slots__ = ("group_id", "query", "rollouts")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    query: Query
    rollouts: _containers.RepeatedCompositeFieldContainer[Rollout]
    def __init__(self, group_id: _Optional[str] = ..., query: _Optional[_Union[Query, _Mapping]] = ..., rollouts: _Optional[_Iterable[_Union[Rollout, _Mapping]]] = ...) -> None: ...

class ScoreRewardsRequest(_message.Message):
    __slots__ = ("groups", "explain")
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[Group]
    explain: bool
    def __init__(self, groups: _Optional[_Iterable[_Union[Group, _Mapping]]] = ..., explain: bool = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("answer", "answer_key", "agreement", "same_key_right", "same_key_wrong", "earlier_right", "earlier_wrong", "last_labelled_step", "earlier_votes", "earlier_rollouts", "own_probability", "summary")
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    ANSWER_KEY_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    SAME_KEY_RIGHT_FIELD_NUMBER: _ClassVar[int]
    SAME_KEY_WRONG_FIELD_NUMBER: _ClassVar[int]
    EARLIER_RIGHT_FIELD_NUMBER: _ClassVar[int]
    EARLIER_WRONG_FIELD_NUMBER: _ClassVar[int]
    LAST_LABELLED_STEP_FIELD_NUMBER: _ClassVar[int]
    EARLIER_VOTES_FIELD_NUMBER: _ClassVar[int]
    EARLIER_ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    OWN_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    answer: str
    answer_key: str
    agreement: float
    same_key_right: int
    same_key_wrong: int
    earlier_right: int
    earlier_wrong: int
    last_labelled_step: int
    earlier_votes: int
    earlier_rollouts: int
    own_probability: float
    summary: str
    def __init__(self, answer: _Optional[str] = ..., answer_key: _Optional[str] = ..., agreement: _Optional[float] = ..., same_key_right: _Optional[int] = ..., same_key_wrong: _Optional[int] = ..., earlier_right: _Optional[int] = ..., earlier_wrong: _Optional[int] = ..., last_labelled_step: _Optional[int] = ..., earlier_votes: _Optional[int] = ..., earlier_rollouts: _Optional[int] = ..., own_probability: _Optional[float] = ..., summary: _Optional[str] = ...) -> None: ...

class Prediction(_message.Message):
    __slots__ = ("reward", "probability", "status", "source", "explanation", "reason")
    REWARD_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    reward: float
    probability: float
    status: str
    source: str
    explanation: Explanation
    reason: str
    def __init__(self, reward: _Optional[float] = ..., probability: _Optional[float] = ..., status: _Optional[str] = ..., source: _Optional[str] = ..., explanation: _Optional[_Union[Explanation, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class Neighbor(_message.Message):
    __slots__ = ("query_id", "similarity", "text")
    QUERY_ID_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    query_id: str
    similarity: float
    text: str
    def __init__(self, query_id: _Optional[str] = ..., similarity: _Optional[float] = ..., text: _Optional[str] = ...) -> None: ...

class ScoredGroup(_message.Message):
    __slots__ = ("group_id", "rollouts", "neighbors")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    NEIGHBORS_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    rollouts: _containers.RepeatedCompositeFieldContainer[Prediction]
    neighbors: _containers.RepeatedCompositeFieldContainer[Neighbor]
    def __init__(self, group_id: _Optional[str] = ..., rollouts: _Optional[_Iterable[_Union[Prediction, _Mapping]]] = ..., neighbors: _Optional[_Iterable[_Union[Neighbor, _Mapping]]] = ...) -> None: ...

class ScoreRewardsResponse(_message.Message):
    __slots__ = ("model_version", "memory_version", "groups")
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    MEMORY_VERSION_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    model_version: str
    memory_version: int
    groups: _containers.RepeatedCompositeFieldContainer[ScoredGroup]
    def __init__(self, model_version: _Optional[str] = ..., memory_version: _Optional[int] = ..., groups: _Optional[_Iterable[_Union[ScoredGroup, _Mapping]]] = ...) -> None: ...

class LabelBudget(_message.Message):
    __slots__ = ("share", "labels", "deadline_ms")
    SHARE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    share: float
    labels: int
    deadline_ms: int
    def __init__(self, share: _Optional[float] = ..., labels: _Optional[int] = ..., deadline_ms: _Optional[int] = ...) -> None: ...

class PlanLabelsRequest(_message.Message):
    __slots__ = ("groups", "budget", "run_id", "step", "label_budget")
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    LABEL_BUDGET_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[Group]
    budget: int
    run_id: str
    step: int
    label_budget: LabelBudget
    def __init__(self, groups: _Optional[_Iterable[_Union[Group, _Mapping]]] = ..., budget: _Optional[int] = ..., run_id: _Optional[str] = ..., step: _Optional[int] = ..., label_budget: _Optional[_Union[LabelBudget, _Mapping]] = ...) -> None: ...

class PlannedLabel(_message.Message):
    __slots__ = ("group_id", "rollout_index", "reason", "gain")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_INDEX_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    GAIN_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    rollout_index: int
    reason: str
    gain: float
    def __init__(self, group_id: _Optional[str] = ..., rollout_index: _Optional[int] = ..., reason: _Optional[str] = ..., gain: _Optional[float] = ...) -> None: ...

class SampledRollout(_message.Message):
    __slots__ = ("group_id", "rollout_index")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_INDEX_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    rollout_index: int
    def __init__(self, group_id: _Optional[str] = ..., rollout_index: _Optional[int] = ...) -> None: ...

class PlanLabelsResponse(_message.Message):
    __slots__ = ("model_version", "memory_version", "plan", "sample")
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    MEMORY_VERSION_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    model_version: str
    memory_version: int
    plan: _containers.RepeatedCompositeFieldContainer[PlannedLabel]
    sample: _containers.RepeatedCompositeFieldContainer[SampledRollout]
    def __init__(self, model_version: _Optional[str] = ..., memory_version: _Optional[int] = ..., plan: _Optional[_Iterable[_Union[PlannedLabel, _Mapping]]] = ..., sample: _Optional[_Iterable[_Union[SampledRollout, _Mapping]]] = ...) -> None: ...

class SubmitRolloutRequest(_message.Message):
    __slots__ = ("run_id", "group_id", "group_attempt", "rollout_index", "group_size", "step", "query", "rollout", "deadline_ms", "allow_partial", "label_budget", "no_label")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_INDEX_FIELD_NUMBER: _ClassVar[int]
    GROUP_SIZE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    ALLOW_PARTIAL_FIELD_NUMBER: _ClassVar[int]
    LABEL_BUDGET_FIELD_NUMBER: _ClassVar[int]
    NO_LABEL_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    group_id: str
    group_attempt: int
    rollout_index: int
    group_size: int
    step: int
    query: Query
    rollout: Rollout
    deadline_ms: int
    allow_partial: bool
    label_budget: LabelBudget
    no_label: bool
    def __init__(self, run_id: _Optional[str] = ..., group_id: _Optional[str] = ..., group_attempt: _Optional[int] = ..., rollout_index: _Optional[int] = ..., group_size: _Optional[int] = ..., step: _Optional[int] = ..., query: _Optional[_Union[Query, _Mapping]] = ..., rollout: _Optional[_Union[Rollout, _Mapping]] = ..., deadline_ms: _Optional[int] = ..., allow_partial: bool = ..., label_budget: _Optional[_Union[LabelBudget, _Mapping]] = ..., no_label: bool = ...) -> None: ...

class LabelRequest(_message.Message):
    __slots__ = ("reason", "gain")
    REASON_FIELD_NUMBER: _ClassVar[int]
    GAIN_FIELD_NUMBER: _ClassVar[int]
    reason: str
    gain: float
    def __init__(self, reason: _Optional[str] = ..., gain: _Optional[float] = ...) -> None: ...

class SubmitRolloutResponse(_message.Message):
    __slots__ = ("run_id", "group_id", "group_attempt", "rollout_index", "group_size", "rollouts_present", "partial", "reward", "probability", "status", "source", "model_version", "memory_version", "label_request", "reason")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_INDEX_FIELD_NUMBER: _ClassVar[int]
    GROUP_SIZE_FIELD_NUMBER: _ClassVar[int]
    ROLLOUTS_PRESENT_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_FIELD_NUMBER: _ClassVar[int]
    REWARD_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    MEMORY_VERSION_FIELD_NUMBER: _ClassVar[int]
    LABEL_REQUEST_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    group_id: str
    group_attempt: int
    rollout_index: int
    group_size: int
    rollouts_present: int
    partial: bool
    reward: float
    probability: float
    status: str
    source: str
    model_version: str
    memory_version: int
    label_request: LabelRequest
    reason: str
    def __init__(self, run_id: _Optional[str] = ..., group_id: _Optional[str] = ..., group_attempt: _Optional[int] = ..., rollout_index: _Optional[int] = ..., group_size: _Optional[int] = ..., rollouts_present: _Optional[int] = ..., partial: bool = ..., reward: _Optional[float] = ..., probability: _Optional[float] = ..., status: _Optional[str] = ..., source: _Optional[str] = ..., model_version: _Optional[str] = ..., memory_version: _Optional[int] = ..., label_request: _Optional[_Union[LabelRequest, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class StoredRollout(_message.Message):
    __slots__ = ("id", "response", "thinking", "answer", "answer_key", "label", "behaviour", "behaviour_version", "label_source", "policy", "step")
    ID_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    THINKING_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    ANSWER_KEY_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    BEHAVIOUR_FIELD_NUMBER: _ClassVar[int]
    BEHAVIOUR_VERSION_FIELD_NUMBER: _ClassVar[int]
    LABEL_SOURCE_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    id: str
    response: str
    thinking: str
    answer: str
    answer_key: str
    label: float
    behaviour: Behaviour
    behaviour_version: str
    label_source: str
    policy: str
    step: int
    def __init__(self, id: _Optional[str] = ..., response: _Optional[str] = ..., thinking: _Optional[str] = ..., answer: _Optional[str] = ..., answer_key: _Optional[str] = ..., label: _Optional[float] = ..., behaviour: _Optional[_Union[Behaviour, _Mapping]] = ..., behaviour_version: _Optional[str] = ..., label_source: _Optional[str] = ..., policy: _Optional[str] = ..., step: _Optional[int] = ...) -> None: ...

class Experience(_message.Message):
    __slots__ = ("id", "text", "domain", "dataset", "rollouts")
    ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    id: str
    text: str
    domain: str
    dataset: str
    rollouts: _containers.RepeatedCompositeFieldContainer[StoredRollout]
    def __init__(self, id: _Optional[str] = ..., text: _Optional[str] = ..., domain: _Optional[str] = ..., dataset: _Optional[str] = ..., rollouts: _Optional[_Iterable[_Union[StoredRollout, _Mapping]]] = ...) -> None: ...

class AddExperienceRequest(_message.Message):
    __slots__ = ("queries",)
    QUERIES_FIELD_NUMBER: _ClassVar[int]
    queries: _containers.RepeatedCompositeFieldContainer[Experience]
    def __init__(self, queries: _Optional[_Iterable[_Union[Experience, _Mapping]]] = ...) -> None: ...

class RolloutIds(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, ids: _Optional[_Iterable[str]] = ...) -> None: ...

class RefusedRollout(_message.Message):
    __slots__ = ("query_index", "rollout_index", "reason")
    QUERY_INDEX_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_INDEX_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    query_index: int
    rollout_index: int
    reason: str
    def __init__(self, query_index: _Optional[int] = ..., rollout_index: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class AddExperienceResponse(_message.Message):
    __slots__ = ("version", "queries_added", "rollouts_added", "labels_changed", "query_ids", "rollout_ids", "refused")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    QUERIES_ADDED_FIELD_NUMBER: _ClassVar[int]
    ROLLOUTS_ADDED_FIELD_NUMBER: _ClassVar[int]
    LABELS_CHANGED_FIELD_NUMBER: _ClassVar[int]
    QUERY_IDS_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_IDS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    version: int
    queries_added: int
    rollouts_added: int
    labels_changed: int
    query_ids: _containers.RepeatedScalarFieldContainer[str]
    rollout_ids: _containers.RepeatedCompositeFieldContainer[RolloutIds]
    refused: _containers.RepeatedCompositeFieldContainer[RefusedRollout]
    def __init__(self, version: _Optional[int] = ..., queries_added: _Optional[int] = ..., rollouts_added: _Optional[int] = ..., labels_changed: _Optional[int] = ..., query_ids: _Optional[_Iterable[str]] = ..., rollout_ids: _Optional[_Iterable[_Union[RolloutIds, _Mapping]]] = ..., refused: _Optional[_Iterable[_Union[RefusedRollout, _Mapping]]] = ...) -> None: ...

class Label(_message.Message):
    __slots__ = ("rollout_id", "label", "source")
    ROLLOUT_ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    rollout_id: str
    label: float
    source: str
    def __init__(self, rollout_id: _Optional[str] = ..., label: _Optional[float] = ..., source: _Optional[str] = ...) -> None: ...

class AddLabelsRequest(_message.Message):
    __slots__ = ("labels",)
    LABELS_FIELD_NUMBER: _ClassVar[int]
    labels: _containers.RepeatedCompositeFieldContainer[Label]
    def __init__(self, labels: _Optional[_Iterable[_Union[Label, _Mapping]]] = ...) -> None: ...

class AddLabelsResponse(_message.Message):
    __slots__ = ("version", "labels_changed")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LABELS_CHANGED_FIELD_NUMBER: _ClassVar[int]
    version: int
    labels_changed: int
    def __init__(self, version: _Optional[int] = ..., labels_changed: _Optional[int] = ...) -> None: ...

class ListExperienceRequest(_message.Message):
    __slots__ = ("after", "limit")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    after: str
    limit: int
    def __init__(self, after: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ListExperienceResponse(_message.Message):
    __slots__ = ("queries", "next")
    QUERIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    queries: _containers.RepeatedCompositeFieldContainer[Experience]
    next: str
    def __init__(self, queries: _Optional[_Iterable[_Union[Experience, _Mapping]]] = ..., next: _Optional[str] = ...) -> None: ...

class GetQueryRequest(_message.Message):
    __slots__ = ("query_id",)
    QUERY_ID_FIELD_NUMBER: _ClassVar[int]
    query_id: str
    def __init__(self, query_id: _Optional[str] = ...) -> None: ...

class FindQueriesRequest(_message.Message):
    __slots__ = ("text", "k")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    K_FIELD_NUMBER: _ClassVar[int]
    text: str
    k: int
    def __init__(self, text: _Optional[str] = ..., k: _Optional[int] = ...) -> None: ...

class FindQueriesResponse(_message.Message):
    __slots__ = ("queries",)
    QUERIES_FIELD_NUMBER: _ClassVar[int]
    queries: _containers.RepeatedCompositeFieldContainer[Neighbor]
    def __init__(self, queries: _Optional[_Iterable[_Union[Neighbor, _Mapping]]] = ...) -> None: ...

class GetMemoryRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StoreCounts(_message.Message):
    __slots__ = ("version", "queries", "rollouts", "labels")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    QUERIES_FIELD_NUMBER: _ClassVar[int]
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    version: int
    queries: int
    rollouts: int
    labels: int
    def __init__(self, version: _Optional[int] = ..., queries: _Optional[int] = ..., rollouts: _Optional[int] = ..., labels: _Optional[int] = ...) -> None: ...

class MemoryStatus(_message.Message):
    __slots__ = ("memory_version", "indexed_queries", "stored", "building")
    MEMORY_VERSION_FIELD_NUMBER: _ClassVar[int]
    INDEXED_QUERIES_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    BUILDING_FIELD_NUMBER: _ClassVar[int]
    memory_version: int
    indexed_queries: int
    stored: StoreCounts
    building: bool
    def __init__(self, memory_version: _Optional[int] = ..., indexed_queries: _Optional[int] = ..., stored: _Optional[_Union[StoreCounts, _Mapping]] = ..., building: bool = ...) -> None: ...

class StartTrainingRequest(_message.Message):
    __slots__ = ("seeds", "epochs")
    SEEDS_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    seeds: int
    epochs: int
    def __init__(self, seeds: _Optional[int] = ..., epochs: _Optional[int] = ...) -> None: ...

class JobError(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class TrainingJob(_message.Message):
    __slots__ = ("job_id", "status", "progress", "metrics", "model_version", "error", "reason")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    status: str
    progress: float
    metrics: _containers.ScalarMap[str, float]
    model_version: str
    error: JobError
    reason: str
    def __init__(self, job_id: _Optional[str] = ..., status: _Optional[str] = ..., progress: _Optional[float] = ..., metrics: _Optional[_Mapping[str, float]] = ..., model_version: _Optional[str] = ..., error: _Optional[_Union[JobError, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class GetTrainingJobRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class ModelInfo(_message.Message):
    __slots__ = ("model_version", "created_at", "active", "memory_version", "training_queries", "training_labels", "metrics", "reason", "intervals")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    MEMORY_VERSION_FIELD_NUMBER: _ClassVar[int]
    TRAINING_QUERIES_FIELD_NUMBER: _ClassVar[int]
    TRAINING_LABELS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    INTERVALS_FIELD_NUMBER: _ClassVar[int]
    model_version: str
    created_at: str
    active: bool
    memory_version: int
    training_queries: int
    training_labels: int
    metrics: _containers.ScalarMap[str, float]
    reason: str
    intervals: TrustIntervals
    def __init__(self, model_version: _Optional[str] = ..., created_at: _Optional[str] = ..., active: bool = ..., memory_version: _Optional[int] = ..., training_queries: _Optional[int] = ..., training_labels: _Optional[int] = ..., metrics: _Optional[_Mapping[str, float]] = ..., reason: _Optional[str] = ..., intervals: _Optional[_Union[TrustIntervals, _Mapping]] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[ModelInfo]
    def __init__(self, models: _Optional[_Iterable[_Union[ModelInfo, _Mapping]]] = ...) -> None: ...

class ActivateModelRequest(_message.Message):
    __slots__ = ("model_version",)
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    model_version: str
    def __init__(self, model_version: _Optional[str] = ...) -> None: ...

class GetTrustRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TrustFigures(_message.Message):
    __slots__ = ("rollouts", "share_abstained", "auc", "false_positive_rate", "false_negative_rate", "calibration_error")
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    SHARE_ABSTAINED_FIELD_NUMBER: _ClassVar[int]
    AUC_FIELD_NUMBER: _ClassVar[int]
    FALSE_POSITIVE_RATE_FIELD_NUMBER: _ClassVar[int]
    FALSE_NEGATIVE_RATE_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_ERROR_FIELD_NUMBER: _ClassVar[int]
    rollouts: int
    share_abstained: float
    auc: float
    false_positive_rate: float
    false_negative_rate: float
    calibration_error: float
    def __init__(self, rollouts: _Optional[int] = ..., share_abstained: _Optional[float] = ..., auc: _Optional[float] = ..., false_positive_rate: _Optional[float] = ..., false_negative_rate: _Optional[float] = ..., calibration_error: _Optional[float] = ...) -> None: ...

class Interval(_message.Message):
    __slots__ = ("low", "high")
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    low: float
    high: float
    def __init__(self, low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...

class TrustIntervals(_message.Message):
    __slots__ = ("auc", "false_positive_rate", "false_negative_rate")
    AUC_FIELD_NUMBER: _ClassVar[int]
    FALSE_POSITIVE_RATE_FIELD_NUMBER: _ClassVar[int]
    FALSE_NEGATIVE_RATE_FIELD_NUMBER: _ClassVar[int]
    auc: Interval
    false_positive_rate: Interval
    false_negative_rate: Interval
    def __init__(self, auc: _Optional[_Union[Interval, _Mapping]] = ..., false_positive_rate: _Optional[_Union[Interval, _Mapping]] = ..., false_negative_rate: _Optional[_Union[Interval, _Mapping]] = ...) -> None: ...

class StepTrust(_message.Message):
    __slots__ = ("step", "figures", "agreement")
    STEP_FIELD_NUMBER: _ClassVar[int]
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    step: int
    figures: TrustFigures
    agreement: float
    def __init__(self, step: _Optional[int] = ..., figures: _Optional[_Union[TrustFigures, _Mapping]] = ..., agreement: _Optional[float] = ...) -> None: ...

class DomainTrust(_message.Message):
    __slots__ = ("domain", "trusted", "reason", "figures", "steps", "predicted", "interval", "audited", "too_few", "agreement", "drifting")
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    TRUSTED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    AUDITED_FIELD_NUMBER: _ClassVar[int]
    TOO_FEW_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    DRIFTING_FIELD_NUMBER: _ClassVar[int]
    domain: str
    trusted: bool
    reason: str
    figures: TrustFigures
    steps: _containers.RepeatedCompositeFieldContainer[StepTrust]
    predicted: TrustFigures
    interval: TrustIntervals
    audited: int
    too_few: str
    agreement: float
    drifting: int
    def __init__(self, domain: _Optional[str] = ..., trusted: bool = ..., reason: _Optional[str] = ..., figures: _Optional[_Union[TrustFigures, _Mapping]] = ..., steps: _Optional[_Iterable[_Union[StepTrust, _Mapping]]] = ..., predicted: _Optional[_Union[TrustFigures, _Mapping]] = ..., interval: _Optional[_Union[TrustIntervals, _Mapping]] = ..., audited: _Optional[int] = ..., too_few: _Optional[str] = ..., agreement: _Optional[float] = ..., drifting: _Optional[int] = ...) -> None: ...

class TrustReport(_message.Message):
    __slots__ = ("window", "min_rollouts", "min_auc", "max_false_positive_rate", "overall", "domains")
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    MIN_ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    MIN_AUC_FIELD_NUMBER: _ClassVar[int]
    MAX_FALSE_POSITIVE_RATE_FIELD_NUMBER: _ClassVar[int]
    OVERALL_FIELD_NUMBER: _ClassVar[int]
    DOMAINS_FIELD_NUMBER: _ClassVar[int]
    window: int
    min_rollouts: int
    min_auc: float
    max_false_positive_rate: float
    overall: TrustFigures
    domains: _containers.RepeatedCompositeFieldContainer[DomainTrust]
    def __init__(self, window: _Optional[int] = ..., min_rollouts: _Optional[int] = ..., min_auc: _Optional[float] = ..., max_false_positive_rate: _Optional[float] = ..., overall: _Optional[_Union[TrustFigures, _Mapping]] = ..., domains: _Optional[_Iterable[_Union[DomainTrust, _Mapping]]] = ...) -> None: ...

class GetLabelSpendingRequest(_message.Message):
    __slots__ = ("run_id",)
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    def __init__(self, run_id: _Optional[str] = ...) -> None: ...

class StepSpending(_message.Message):
    __slots__ = ("step", "rollouts", "labels")
    STEP_FIELD_NUMBER: _ClassVar[int]
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    step: int
    rollouts: int
    labels: int
    def __init__(self, step: _Optional[int] = ..., rollouts: _Optional[int] = ..., labels: _Optional[int] = ...) -> None: ...

class LabelSpending(_message.Message):
    __slots__ = ("run_id", "rollouts", "labels", "steps")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    rollouts: int
    labels: int
    steps: _containers.RepeatedCompositeFieldContainer[StepSpending]
    def __init__(self, run_id: _Optional[str] = ..., rollouts: _Optional[int] = ..., labels: _Optional[int] = ..., steps: _Optional[_Iterable[_Union[StepSpending, _Mapping]]] = ...) -> None: ...

class PruneRequest(_message.Message):
    __slots__ = ("dry_run", "rollouts_per_query", "days", "max_bytes")
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    ROLLOUTS_PER_QUERY_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    dry_run: bool
    rollouts_per_query: int
    days: float
    max_bytes: int
    def __init__(self, dry_run: bool = ..., rollouts_per_query: _Optional[int] = ..., days: _Optional[float] = ..., max_bytes: _Optional[int] = ...) -> None: ...

class PrunedRollouts(_message.Message):
    __slots__ = ("reason", "rollouts", "bytes")
    REASON_FIELD_NUMBER: _ClassVar[int]
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    reason: str
    rollouts: int
    bytes: int
    def __init__(self, reason: _Optional[str] = ..., rollouts: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class PruneReport(_message.Message):
    __slots__ = ("dry_run", "queries", "rollouts", "bytes", "reasons")
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    QUERIES_FIELD_NUMBER: _ClassVar[int]
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    dry_run: bool
    queries: int
    rollouts: int
    bytes: int
    reasons: _containers.RepeatedCompositeFieldContainer[PrunedRollouts]
    def __init__(self, dry_run: bool = ..., queries: _Optional[int] = ..., rollouts: _Optional[int] = ..., bytes: _Optional[int] = ..., reasons: _Optional[_Iterable[_Union[PrunedRollouts, _Mapping]]] = ...) -> None: ...
