"""Named Binary Tags (NBT), gzipped: what Minecraft and its tools keep in files.

A small writer and reader of our own. nbtlib 2.0.4, the library that others build on, makes one Python object
of each number: an array of 17 million bytes passes, a list of as many compounds does not, it bounds neither
depth nor size of what it reads, and packages that tests need pin versions of it that exclude each other. The
format is a page long and has not changed since 2018: https://minecraft.wiki/w/NBT_format

A value's Python type is its tag, so that what was read writes the same bytes:

    Byte, Short, Int, Long, Float, Double   np.int8, np.int16, np.int32, np.int64, np.float32, np.float64
    String                                  str
    Byte_Array, Int_Array, Long_Array       one-dimensional array of int8, int32, int64
    List                                    list, all of one type
    Compound                                dict

A list of compounds that hold the same fixed-size numbers is a structured array: its fields are the names,
numbers or short lists of numbers. That is a structure file's blocks, without an object for each.
"""

from __future__ import annotations

from meshtwin.minecraft.voxel.export.formats.nbt_read import MAX_BYTES, MAX_DEPTH, MAX_TAGS, read_nbt
from meshtwin.minecraft.voxel.export.formats.nbt_tags import Compound, Value
from meshtwin.minecraft.voxel.export.formats.nbt_write import write_nbt

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_TAGS", "Compound", "Value", "read_nbt", "write_nbt"]
