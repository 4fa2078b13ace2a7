"""A filter of system calls that a process puts over itself and can never take off (seccomp, Linux).

Runs inside the sandbox. What a function that computes an answer has no need of is refused with EPERM: starting
processes, signals to anyone, reading the memory of others, sockets, mounts, modes and owners of files, shared memory
that outlives the process, the keys and switches of the kernel. Threads, timers, files and pipes go on working.
Numbers: asm/unistd_64.h and asm-generic/unistd.h of Linux 6; how a filter is written: seccomp(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""Machine -> (its AUDIT_ARCH, its column in REFUSED)."""

REFUSED: dict[str, tuple[int | None, int | None]] = {
    # processes; threads are looked at apart
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    # signals to others, and the memory of others
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "process_madvise": (440, 440), "kcmp": (312, 272),
    # network, and the ring that could do all of this unseen
    "socket": (41, 198), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    # memory that is not counted, or stays after the process
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "shmat": (30, 196),
    "shmctl": (31, 195), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180), "mq_unlink": (241, 181),
    # another view of the machine
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "move_mount": (429, 429), "open_tree": (428, 428), "fsopen": (430, 430),
    "fsmount": (432, 432), "fsconfig": (431, 431), "fspick": (433, 433), "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    # modes, owners and marks of files, which Landlock leaves open
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "utime": (132, None), "utimes": (235, None), "utimensat": (280, 88), "futimesat": (261, None),
    "truncate": (76, 45), "fanotify_init": (300, 262),
    # the kernel
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "keyctl": (250, 219),
    "add_key": (248, 217), "request_key": (249, 218), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142),
    "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    "personality": (135, 92), "sethostname": (170, 161), "setdomainname": (171, 162), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171), "syslog": (103, 116),
    "iopl": (172, None), "ioperm": (173, None), "modify_ldt": (154, None), "vhangup": (153, 58),
    "setpriority": (141, 140), "sched_setscheduler": (144, 119), "sched_setattr": (314, 274),
    "ioprio_set": (251, 30), "migrate_pages": (256, 238), "move_pages": (279, 239), "capset": (126, 91),
}  # fmt: skip
"""Name -> number on (x86_64, aarch64)."""
CLONE, CLONE3, PRCTL, PRLIMIT = (56, 220), (435, 435), (157, 167), (302, 261)

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _MACHINE, _FIRST_ARGUMENT = 0, 4, 16
_CLONE_THREAD = 0x00010000
_X32 = 0x40000000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 1, 38, 22, 2


def refuse_system_calls() -> None:
    """Put the filter over this process and its threads to come, for good. Raises OSError where there is none.

    Without rights of root it needs PR_SET_NO_NEW_PRIVS before.
    """
    machine = os.uname().machine
    if machine not in MACHINES:
        raise OSError(errno.ENOSYS, f"there is no filter of system calls for {machine}")
    program = filter_program(*MACHINES[machine])
    code = ctypes.create_string_buffer(b"".join(program), 8 * len(program))
    head = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(code)), 16)
    process_control(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(head))


def process_control(operation: int, *arguments: int) -> None:
    """prctl(2). Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    padded = (*arguments, 0, 0, 0, 0)[:4]
    if libc.prctl(ctypes.c_int(operation), *map(ctypes.c_ulong, padded)) != 0:
        raise OSError(ctypes.get_errno(), f"the kernel refuses prctl {operation}")


def filter_program(architecture: int, column: int) -> list[bytes]:
    """The instructions of the filter for one machine, 8 bytes each."""
    refuse = _step(_RETURN, _ERROR | errno.EPERM)
    steps = [_step(_LOAD, _MACHINE), _step(_EQUAL, architecture, 1, 0), _step(_RETURN, _KILL), _step(_LOAD, _NUMBER)]
    if column == 0:
        steps += [_step(_AT_LEAST, _X32, 0, 1), _step(_RETURN, _KILL)]
    for numbers in REFUSED.values():
        if (number := numbers[column]) is not None:
            steps += [_step(_EQUAL, number, 0, 1), refuse]
    # An unknown clone3 makes the C library start its threads with clone, whose flags a filter can read.
    steps += [_step(_EQUAL, CLONE3[column], 0, 1), _step(_RETURN, _ERROR | errno.ENOSYS)]
    steps += [_step(_EQUAL, CLONE[column], 0, 3), _step(_LOAD, _FIRST_ARGUMENT), _step(_ANY_BIT, _CLONE_THREAD, 1, 0)]
    steps += [refuse, _step(_LOAD, _NUMBER)]
    # Not even the wish to die with the parent can be taken back.
    steps += [_step(_EQUAL, PRCTL[column], 0, 3), _step(_LOAD, _FIRST_ARGUMENT), _step(_EQUAL, PR_SET_PDEATHSIG, 0, 1)]
    steps += [refuse, _step(_LOAD, _NUMBER)]
    # Limits of this process (0) may be read and lowered, those of others not touched.
    steps += [_step(_EQUAL, PRLIMIT[column], 0, 3), _step(_LOAD, _FIRST_ARGUMENT), _step(_EQUAL, 0, 1, 0), refuse]
    return [*steps, _step(_RETURN, _ALLOW)]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One instruction: `if_true` and `if_false` count the instructions to jump over."""
    return struct.pack("HBBI", code, if_true, if_false, value)
