"""The graph neural network: the experience graph, the attachment to memory, the layers."""

__all__ = ["attachment", "gnn", "graph", "trained"]
