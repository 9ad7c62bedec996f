"""Everything that is written whole or not at all: files, tables, tensors, folders; and checksums of what is read."""

from fusekit.disk.checksums import DIGEST, SEAL, checksum, checksum_of, refuse_changed, refuse_damaged, seal, signed
from fusekit.disk.files import onto_disk, read_named, regular, whole, write_bytes, write_json
from fusekit.disk.folders import FULL, PARTIAL, filled, growing, in_words, new_folder
from fusekit.disk.schema import CLOSED, OPEN, parse_json, read_json
from fusekit.disk.tables import AGAIN, Schema, read_written, table_bytes, write_table
from fusekit.disk.tensors import read_tensors, write_tensors

__all__ = [
    "AGAIN", "CLOSED", "DIGEST", "FULL", "OPEN", "PARTIAL", "SEAL", "Schema", "checksum", "checksum_of", "filled",
    "growing", "in_words", "new_folder", "onto_disk", "parse_json", "read_json", "read_named", "read_tensors",
    "read_written", "refuse_changed", "refuse_damaged", "regular", "seal", "signed", "table_bytes", "whole",
    "write_bytes", "write_json", "write_table", "write_tensors",
]  # fmt: skip
