"""The configuration file of embedded chDB: written anew at each start, never read from the current folder."""

from pathlib import Path

_CONFIG = """<clickhouse>
  <logger><level>none</level><console>0</console></logger>
  <mark_cache_size>67108864</mark_cache_size>
  <primary_index_cache_size>67108864</primary_index_cache_size>
  <index_mark_cache_size>16777216</index_mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <mmap_cache_size>0</mmap_cache_size>
  <background_pool_size>2</background_pool_size>
  <background_schedule_pool_size>2</background_schedule_pool_size>
  <max_server_memory_usage_to_ram_ratio>0.6</max_server_memory_usage_to_ram_ratio>
</clickhouse>
"""


def write_embedded_config(folder: Path) -> Path:
    """Write the file into `folder` and return its path."""
    path = folder / "config.xml"
    path.write_text(_CONFIG, "utf-8")
    return path
