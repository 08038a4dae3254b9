"""How busy the GPUs are and what they hold, asked of NVIDIA's management library (NVML); nothing where there is none.

Source of names and structures: NVIDIA, "NVML API Reference Guide"; their forms have not changed since version 2.
"""

from __future__ import annotations

import ctypes
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

LIBRARY = "libnvidia-ml.so.1"


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


class GpuMeter:
    """Adds up what all GPUs that can be seen do, from now on.

    Args:
        nvml: The library, or None where there is none; every function returns 0 for success.
    """

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        self._handles = list(_handles(nvml)) if nvml else []
        self._busy_s = 0.0
        self._peak_memory = 0
        self._asked_at = time.monotonic()

    @classmethod
    def of_this_machine(cls) -> GpuMeter:
        """Return a meter of what NVML sees here."""
        try:
            return cls(ctypes.CDLL(LIBRARY))
        except OSError:
            return cls(None)

    def look(self) -> None:
        """Take note of what they do now."""
        elapsed_s = time.monotonic() - self._asked_at
        self._asked_at += elapsed_s
        used = 0
        for handle in self._handles:
            busy, memory = _Utilization(), _Memory()
            if not self._nvml.nvmlDeviceGetUtilizationRates(handle, ctypes.byref(busy)):
                self._busy_s += elapsed_s * busy.gpu / 100
            if not self._nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)):
                used += memory.used
        self._peak_memory = max(self._peak_memory, used)

    @property
    def busy_s(self) -> float | None:
        """GPU utilisation over time, in seconds; None where there is no GPU."""
        return self._busy_s if self._handles else None

    @property
    def peak_memory_bytes(self) -> int | None:
        """The most that all of them held together; None where there is no GPU."""
        return self._peak_memory if self._handles else None


def _handles(nvml: Any) -> Iterator[ctypes.c_void_p]:
    count = ctypes.c_uint()
    if nvml.nvmlInit_v2() or nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)):
        return
    for number in range(count.value):
        handle = ctypes.c_void_p()
        if not nvml.nvmlDeviceGetHandleByIndex_v2(number, ctypes.byref(handle)):
            yield handle
