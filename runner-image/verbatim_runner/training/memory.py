"""Memory, as the kernel tells it: how much a process held, and whether something was killed for want of it."""

from __future__ import annotations

from pathlib import Path

_COUNTERS = (
    Path("/sys/fs/cgroup/memory.events"),  # cgroup v2
    Path("/sys/fs/cgroup/memory/memory.oom_control"),  # cgroup v1
)


_HELD = (
    (Path("/sys/fs/cgroup/memory.stat"), ("anon", "shmem")),  # cgroup v2
    (Path("/sys/fs/cgroup/memory/memory.stat"), ("total_rss", "total_shmem")),  # cgroup v1
)
"""What processes hold; not what the kernel keeps of files for the next one who reads them."""


def out_of_memory_kills() -> int:
    """Return how many processes the kernel has killed in this container; 0 where it does not tell."""
    for counter in _COUNTERS:
        try:
            lines = counter.read_text().splitlines()
        except OSError:
            continue
        return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
    return 0


def held_memory() -> int:
    """Return the memory that all processes of this container hold together, in bytes; 0 where it does not tell."""
    for statistics, names in _HELD:
        try:
            lines = statistics.read_text().splitlines()
        except OSError:
            continue
        return sum(int(value) for name, _, value in (line.partition(" ") for line in lines) if name in names)
    return 0


def peak_memory(pid: int) -> int:
    """Return the most memory that a running process has held, in bytes; 0 where the kernel does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
