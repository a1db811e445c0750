"""The configuration of embedded chDB: written anew at each start, never read from the current folder.

`merge_tree` says what new parts of all tables are like. Parts up to 64 MB are one file each, where the engine's default is a dozen and
more: an insert into `events` and its views then makes and syncs 5 files instead of 85. Statistics of columns are not kept: no question of
ours uses them, and each insert would pay for them.

The one thing to know: the configuration of a process's first connection wins, so every connection is opened by the same string.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from analytics.warehouse.analyst_tables import GRANTED_TABLES
from analytics.warehouse.embedded_users import write_embedded_users

_CONFIG = """<clickhouse>
  <logger><level>none</level><console>0</console></logger>
  <users_config>{users}</users_config>
  <user_defined_path>{functions}/</user_defined_path>
  <mark_cache_size>67108864</mark_cache_size>
  <primary_index_cache_size>67108864</primary_index_cache_size>
  <index_mark_cache_size>16777216</index_mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <mmap_cache_size>0</mmap_cache_size>
  <background_pool_size>2</background_pool_size>
  <background_schedule_pool_size>2</background_schedule_pool_size>
  <merge_tree>
    <min_bytes_for_full_part_storage>67108864</min_bytes_for_full_part_storage>
    <auto_statistics_types></auto_statistics_types>
    <merge_max_block_size>65536</merge_max_block_size>
  </merge_tree>
  <max_server_memory_usage_to_ram_ratio>0.6</max_server_memory_usage_to_ram_ratio>
</clickhouse>
"""


@dataclass(frozen=True, slots=True)
class EmbeddedEngine:
    """Where chDB keeps its data, and the configuration it is opened with."""

    store: Path
    config: Path

    @property
    def connection_string(self) -> str:
        """What the chdb package opens a connection by."""
        return f"{self.store}?{urlencode({'config-file': str(self.config)})}"


def embedded_engine(folder: Path) -> EmbeddedEngine:
    """The engine whose data is in `folder`, which must be there; its configuration is written."""
    folder = folder.resolve()
    users, functions = write_embedded_users(folder, GRANTED_TABLES)
    config = folder / "config.xml"
    config.write_text(_CONFIG.format(users=escape(str(users)), functions=escape(str(functions))), "utf-8")
    return EmbeddedEngine(folder / "store", config)
