"""A process in place of math-verify: a comparison takes a third of a second, one with "hang" in it never ends."""

from __future__ import annotations

import json
import sys
import time

print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    question = json.loads(line)
    time.sleep(3600 if "hang" in question["answer"] else 0.3)
    print(json.dumps({"equal": "wrong" not in question["answer"]}), flush=True)
