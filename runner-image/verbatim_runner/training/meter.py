"""Measures what one command uses of the machine, from its start to its end."""

from __future__ import annotations

import resource
import time
from pathlib import Path

from verbatim.stage import Usage
from verbatim_runner.training.gpu import GpuMeter
from verbatim_runner.training.memory import held_memory, peak_memory

BLOCK_BYTES = 512
"""Of ``ru_inblock`` and ``ru_oublock``, see getrusage(2)."""
GPU_INTERVAL_S = 1.0

_NETWORK = Path("/proc/net/dev")


class Meter:
    """Measures one command.

    CPU and disk are those of its processes and of all that they waited for; the network is the container's.

    Args:
        pid: The command's, which has just been started.
        alone: Whether this container is the command's, so that what the container uses is its.
    """

    def __init__(self, pid: int, *, alone: bool) -> None:
        self._pid = pid
        self._alone = alone
        self._peak_memory = 0
        self._own_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        self._held_before = held_memory() if alone else 0
        self._network_before = network_bytes()
        self._gpu = GpuMeter.of_this_machine()
        self._looked_at = time.monotonic()

    def look(self) -> None:
        """Take note of what the command holds now."""
        held = held_memory() - self._held_before if self._alone else 0
        self._peak_memory = max(self._peak_memory, held, peak_memory(self._pid))
        if time.monotonic() - self._looked_at > GPU_INTERVAL_S:
            self._looked_at = time.monotonic()
            self._gpu.look()

    def usage(self, duration_s: float, used: resource.struct_rusage) -> Usage:
        """Return what the command used, now that it has ended.

        Args:
            duration_s: How long it ran.
            used: What the kernel says of it and all that it waited for.
        """
        largest = used.ru_maxrss * 1024
        if self._peak_memory and largest <= self._own_memory:  # it counts this process too, whose copy the command was
            largest = 0
        received, sent = network_bytes()
        return Usage(
            duration_s=duration_s,
            cpu_s=used.ru_utime + used.ru_stime,
            peak_memory_bytes=max(largest, self._peak_memory),
            disk_read_bytes=used.ru_inblock * BLOCK_BYTES,
            disk_written_bytes=used.ru_oublock * BLOCK_BYTES,
            network_received_bytes=received - self._network_before[0] if self._alone else None,
            network_sent_bytes=sent - self._network_before[1] if self._alone else None,
            gpu_seconds=self._gpu.busy_s,
            gpu_peak_memory_bytes=self._gpu.peak_memory_bytes,
        )


def network_bytes() -> tuple[int, int]:
    """Return how many bytes came in and went out through all interfaces but the loopback, since they are up."""
    received = sent = 0
    try:
        lines = _NETWORK.read_text().splitlines()
    except OSError:
        return 0, 0
    for line in lines:
        interface, found, counters = line.partition(":")
        if found and interface.strip() != "lo":
            columns = counters.split()
            received, sent = received + int(columns[0]), sent + int(columns[8])
    return received, sent
