"""A process in place of the one that reads expressions: a comparison takes a third of a second, one with "hang" in it
never ends."""

from __future__ import annotations

import json
import sys
import time

print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    question, *answers = json.loads(line)
    if question == "read":
        print(json.dumps({"key": answers[0], "decided": True}), flush=True)
        continue
    time.sleep(3600 if "hang" in answers[1] else 0.3)
    print(json.dumps({"equal": "wrong" not in answers[1]}), flush=True)
