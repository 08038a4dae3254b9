"""What is measured besides the process itself."""

# ruff: noqa: N802 - the names are NVML's

from __future__ import annotations

from verbatim_runner.training import memory, meter
from verbatim_runner.training.gpu import GpuMeter


class TwoGpus:
    """NVML with two GPUs, half busy each, and a third that gives no answer."""

    def nvmlInit_v2(self):
        return 0

    def nvmlDeviceGetCount_v2(self, count):
        count._obj.value = 3
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, number, handle):
        handle._obj.value = number + 1
        return number == 2

    def nvmlDeviceGetUtilizationRates(self, _handle, rates):
        rates._obj.gpu = 50
        return 0

    def nvmlDeviceGetMemoryInfo(self, _handle, memory):
        memory._obj.used = 1000
        return 0


class Broken(TwoGpus):
    """NVML without a driver."""

    def nvmlInit_v2(self):
        return 9


def test_what_all_gpus_do_is_added_up(monkeypatch):
    moments = iter([100.0, 110.0])
    monkeypatch.setattr("time.monotonic", lambda: next(moments))
    gpus = GpuMeter(TwoGpus())
    gpus.look()
    assert (gpus.busy_s, gpus.peak_memory_bytes) == (10.0, 2000)


def test_where_there_is_no_gpu_nothing_is_told_of_one():
    for library in (None, Broken()):
        gpus = GpuMeter(library)
        gpus.look()
        assert (gpus.busy_s, gpus.peak_memory_bytes) == (None, None)


def test_the_network_is_counted_without_the_loopback(tmp_path, monkeypatch):
    table = tmp_path / "dev"
    table.write_text(
        "Inter-|   Receive                            |  Transmit\n"
        " face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed\n"
        "    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0\n"
        "  eth0: 300 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n"
    )
    monkeypatch.setattr(meter, "_NETWORK", table)
    assert meter.network_bytes() == (300, 20)


def test_what_all_processes_hold_is_not_what_the_kernel_keeps_of_files(tmp_path, monkeypatch):
    statistics = tmp_path / "memory.stat"
    statistics.write_text("anon 300\nfile 9000\nshmem 20\nfile_mapped 5\n")
    monkeypatch.setattr(memory, "_HELD", ((tmp_path / "none", ("rss",)), (statistics, ("anon", "shmem"))))
    assert memory.held_memory() == 320
