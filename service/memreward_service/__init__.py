"""The MemReward service: one engine, two thin transports. READ FIRST: engine/engine.py."""
