"""The graph neural network: the experience graph, the attachment to memory, the layers."""
