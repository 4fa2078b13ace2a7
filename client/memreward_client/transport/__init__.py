"""Which way a call goes: HTTP or gRPC, blocking or awaiting. A transport carries a call once."""
