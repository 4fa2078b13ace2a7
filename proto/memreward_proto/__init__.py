"""The gRPC contract memreward.v1: reward.proto and the stubs generated from it (`make proto`)."""
