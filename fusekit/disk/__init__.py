"""Everything that is written whole or not at all: files, tables, tensors, folders; and checksums of what is read."""

from fusekit.disk.checksums import SEAL, checksum, checksum_of, refuse_damaged, seal, signed
from fusekit.disk.files import onto_disk, read_named, regular, write_bytes, write_json, write_table
from fusekit.disk.folders import (
    FULL,
    PARTIAL,
    filled,
    growing,
    growing_at,
    in_words,
    make_folder,
    new_folder,
    refuse_full,
    remove_empty,
)
from fusekit.disk.schema import OPEN, read_json
from fusekit.disk.tensors import read_tensors, write_tensors

__all__ = [
    "FULL",
    "OPEN",
    "PARTIAL",
    "SEAL",
    "checksum",
    "checksum_of",
    "filled",
    "growing",
    "growing_at",
    "in_words",
    "make_folder",
    "new_folder",
    "onto_disk",
    "read_json",
    "read_named",
    "read_tensors",
    "refuse_damaged",
    "refuse_full",
    "regular",
    "remove_empty",
    "seal",
    "signed",
    "write_bytes",
    "write_json",
    "write_table",
    "write_tensors",
]
