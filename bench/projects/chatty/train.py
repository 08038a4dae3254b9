"""Works a little and prints a metric, again and again; the work is a fixed number of additions, however long they take.

Usage: train.py LINES ADDITIONS
"""

import sys
import time

lines, additions = int(sys.argv[1]), int(sys.argv[2])
total = 0.0
began = time.perf_counter()
for step in range(lines):
    for number in range(additions):
        total += number
    print(f"step={step} loss={1 / (step + 1):.6f}")
loop_s = time.perf_counter() - began
print(f"printed_at={time.time()} processor_seconds={time.process_time()} loop_seconds={loop_s}")
