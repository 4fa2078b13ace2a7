"""The engine: groups in, rewards out, with no transport in it. READ FIRST: engine.py, then in the order of a request:

admission.py       a permit, or an immediate refusal
group_batch.py     texts -> thinking, answer, key (answer_keys.py) -> arrays
embedder.py        texts -> vectors: embedding_cache.py, then encoder.py on its own thread
batching.py        concurrent callers -> one batch, nobody stranded
scorer.py          the batch -> predictions, on the compute thread:
  memory.py          nearest memory queries (query_index.py) and their states
  graph.py           the heterogeneous graph, with features.py on its answers
  model.py           GATv2, attachment to memory, dot-product scorer
  calibration.py     logit -> probability
  key_posterior.py   which answer of the group is right, given the labels of siblings (worlds.py: of many groups)
  rewards.py         probability -> reward, status, source

Beside the request: trust.py (predictions beside labels, and how good those are that have none), label_requests.py and
label_planner.py (which rollout to verify next), memory_builder.py (store -> memory), training_jobs.py and training.py
(memory -> model), model_registry.py (models on disk).
"""
