"""Requests as trainers send them, recorded byte for byte from their own request code (aiohttp 3.14.5), with the URL
http://:key-1@127.0.0.1:8080/… configured. Nothing in them is made up but the texts."""

from __future__ import annotations

import json
import socket
from typing import Any

import httpx

from serving import Address

QUESTION = "Tom has 3 boxes with 12 pencils each and gives 9 away. How many are left?"

_PYTHON = b"""Accept: */*\r
Accept-Encoding: gzip, deflate\r
User-Agent: Python/3.11 aiohttp/3.14.5\r
Authorization: Basic OmtleS0x\r
"""

# OpenRLHF 0.11.0, openrlhf/utils/agent.py, _fetch_rewards_via_http: two URLs, one rollout, so the second gets none
OPENRLHF = (
    b"POST /get_reward?domain=math&dataset=gsm8k HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
    + _PYTHON
    + b"Content-Length: 354\r\nContent-Type: application/json\r\n\r\n"
    rb'{"query": ["<|im_start|>user\nTom has 3 boxes with 12 pencils each and gives 9 away. How many are left?<|im_end'
    rb"|>\n<|im_start|>assistant\n3\u00b712=36, 36-9=27. The answer is 27.<|im_end|>"
    rb'\n"], "prompts": ["<|im_start|>user\nTom has 3 boxes with 12 pencils each and gives 9 away. How many are left?'
    rb'<|im_end|>\n<|im_start|>assistant\n"], "labels": ["27"]}'
)
OPENRLHF_EMPTY = (
    b"POST /get_reward?domain=math&dataset=gsm8k HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
    + _PYTHON
    + b"Content-Length: 42\r\nContent-Type: application/json\r\n\r\n"
    b'{"query": [], "prompts": [], "labels": []}'
)

# slime 0.3.1 and miles 0.1.0, rollout/rm_hub/__init__.py, remote_rm: the same bytes from both
SLIME = (
    b"POST /rm?domain=math HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
    + _PYTHON
    + b"Content-Length: 168\r\nContent-Type: application/json\r\n\r\n"
    rb'{"prompt": "Tom has 3 boxes with 12 pencils each and gives 9 away. How many are left?", '
    rb'"response": "3\u00b712=36, 36-9=27. The answer is 27.<|im_end|>", "label": "27"}'
)
SLIME_MESSAGES = (
    b"POST /rm?domain=math HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
    + _PYTHON
    + b"Content-Length: 165\r\nContent-Type: application/json\r\n\r\n"
    b'{"prompt": [{"role": "user", "content": "Tom has 3 boxes with 12 pencils each and gives 9 away. How many are '
    b'left?"}], "response": "36-9=27. #### 27", "label": null}'
)

# NeMo Gym 0.5, simple_agent `run` through ServerClient, with `host: ":key-1@127.0.0.1"`. The _ng_ keys of its rows were
# put in by hand: Gym's pull request 2814 and NeMo RL's 3861 bring them.
_GYM_HEAD = b"""Host: 127.0.0.1:8080\r
Content-Type: application/json\r
Accept: */*\r
Accept-Encoding: gzip, deflate\r
User-Agent: Python/3.13 aiohttp/3.14.5\r
Authorization: Basic OmtleS0x\r
"""
_GYM_PARAMS = (
    b'{"responses_create_params":{"background":null,"include":null,"input":[{"content":"Tom has 3 boxes with 12 pencils'
    b' each and gives 9 away. How many are left?","role":"user","type":"message"}],"instructions":null,"max_output_'
    b'tokens":null,"max_tool_calls":null,"metadata":null,"model":null,"parallel_tool_calls":true,"previous_response_id":null,'
    b'"prompt":null,"reasoning":null,"service_tier":null,"store":null,"temperature":null,"text":null,"tool_choice":"auto"'
    b',"tools":[],"top_logprobs":null,"top_p":null,"truncation":null,"user":null,"stream":null},'
)
_GYM_ROW = (
    b'"memreward":{"domain":"math","group_size":2},"agent_ref":{"name":"agent"},"_ng_group_id":"group-7",'
    b'"_ng_group_attempt":1,"_ng_rollout_index":0,"_ng_task_index":3}'
)
GYM_SEED = b"POST /seed_session HTTP/1.1\r\n" + _GYM_HEAD + b"Content-Length: 708\r\n\r\n" + _GYM_PARAMS + _GYM_ROW
GYM_VERIFY = (
    b"POST /verify HTTP/1.1\r\n"
    + _GYM_HEAD
    + b"Content-Length: 1581\r\n\r\n"
    + _GYM_PARAMS
    + b'"response":{"id":"resp-1","created_at":1763700000.0,"error":null,"incomplete_details":null,"instructions":null,'
    b'"metadata":null,"model":"policy","object":"response","output":[{"id":"rs-1","summary":[{"text":"3\xc2\xb712=36, '
    b'36-9=27.","type":"summary_text"}],"type":"reasoning","encrypted_content":null,"content":null},{"id":"msg-1",'
    b'"content":[{"annotations":[],"text":"The answer is 27.","type":"output_text","logprobs":null}],"role":"assistant"'
    b',"status":"completed","type":"message"}],"parallel_tool_calls":true,"temperature":null,"tool_choice":"auto","tools":'
    b'[],"top_p":null,"background":null,"conversation":null,"max_output_tokens":null,"max_tool_calls":null,'
    b'"previous_response_id":null,"prompt":null,"prompt_cache_key":null,"reasoning":null,"safety_identifier":null,'
    b'"service_tier":null,"status":null,"text":null,"top_logprobs":null,"truncation":null,"usage":null,"user":null},'
    + _GYM_ROW
)


def sent_json(request: bytes) -> Any:
    """The body of a recorded request."""
    return json.loads(request.partition(b"\r\n\r\n")[2])


def exchange(address: Address, request: bytes) -> tuple[int, dict[str, str], Any]:
    """Send the bytes as they are; (status, headers, JSON of the answer)."""
    host, port = address.http.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received or not _complete(received):
            received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return int(lines[0].split()[1]), headers, json.loads(body)


def _complete(received: bytes) -> bool:
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return len(body) >= int(length.partition(b":")[2])


def post(address: Address, path: str, body: Any, **more: Any) -> httpx.Response:
    return httpx.post(f"{address.http}{path}", json=body, headers={"Authorization": "Bearer key-1"}, **more)
