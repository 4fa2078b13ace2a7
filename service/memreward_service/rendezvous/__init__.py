"""Where the rollouts of a group meet that are sent one by one, and when the group is scored.

READ FIRST: rendezvous.py (one rollout on its way), then protocol.py (the words), group.py (the rules), place.py and its
two storages, in_process.py and in_redis.py.
"""

from memreward_service.rendezvous.in_process import ProcessStorage
from memreward_service.rendezvous.in_redis import RedisStorage
from memreward_service.rendezvous.place import MeetingPlace
from memreward_service.rendezvous.protocol import Claim, group_name
from memreward_service.rendezvous.rendezvous import Rendezvous

__all__ = ["Claim", "MeetingPlace", "ProcessStorage", "RedisStorage", "Rendezvous", "group_name"]
