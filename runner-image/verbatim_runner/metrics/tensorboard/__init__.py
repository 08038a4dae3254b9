"""TensorBoard's event files: read for metrics, and written so that TensorBoard shows every run.

Knows the two formats alone: records (TFRecord) and events (a few fields of protocol buffers). Source: tensorflow,
``core/lib/io/record_writer.h``, ``core/util/event.proto``, ``core/framework/{summary,tensor}.proto``.
"""
