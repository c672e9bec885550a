#!/usr/bin/env python3
"""Writes src/tokenizer/unicode_tables.cpp: the character classes, lower case and decompositions of Unicode 15.1.

usage: make_unicode_tables.py [folder of UnicodeData.txt and PropList.txt] > src/tokenizer/unicode_tables.cpp

The folder is by default that of Debian's package unicode-data. Files of version 15.0 are brought to 15.1, which differs
from it, in what is read here, by the three ranges of PATCH_15_1.
"""
import sys

N_CODES = 0x110000
BLOCK = 128
# One letter per code point: the first letter of its general category, but "U" undefined, "Z" white space and
# "R" carriage return and line feed, which are white space too.
PATCH_15_1 = [(0x2FFC, 0x2FFF, "S"), (0x31EF, 0x31EF, "S"), (0x2EBF0, 0x2EE5D, "L")]

NOTICE = """\
// Character classes, lower case and canonical decompositions of Unicode 15.1, made by cmake/make_unicode_tables.py
// from UnicodeData.txt and PropList.txt of Unicode 15.0. The data has been MODIFIED: brought to 15.1 where the classes
// differ, reduced to what the tokenizers need and rearranged into tables. It is used under these terms:
//
// COPYRIGHT AND PERMISSION NOTICE
//
// Copyright (c) 1991-2023 Unicode, Inc. All rights reserved.
// Distributed under the Terms of Use in https://www.unicode.org/copyright.html.
//
// Permission is hereby granted, free of charge, to any person obtaining a copy of the Unicode data files and any
// associated documentation (the "Data Files") or Unicode software and any associated documentation (the "Software")
// to deal in the Data Files or Software without restriction, including without limitation the rights to use, copy,
// modify, merge, publish, distribute, and/or sell copies of the Data Files or Software, and to permit persons to whom
// the Data Files or Software are furnished to do so, provided that (a) the above copyright notice(s) and this
// permission notice appear with all copies of the Data Files or Software, (b) both the above copyright notice(s) and
// this permission notice appear in associated documentation, and (c) there is clear notice in each modified Data File
// or in the Software as well as in the documentation associated with the Data File(s) or Software that the data or
// software has been modified.
//
// THE DATA FILES AND SOFTWARE ARE PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
// NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT OF THIRD
// PARTY RIGHTS. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR HOLDERS INCLUDED IN THIS NOTICE BE LIABLE FOR ANY CLAIM, OR
// ANY SPECIAL INDIRECT OR CONSEQUENTIAL DAMAGES, OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR
// PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH
// THE USE OR PERFORMANCE OF THE DATA FILES OR SOFTWARE.
//
// Except as contained in this notice, the name of a copyright holder shall not be used in advertising or otherwise to
// promote the sale, use or other dealings in these Data Files or Software without prior written authorization of the
// copyright holder.
"""


def read_unicode_data(path):
    """Classes, simple lower case {code: code} and one-step canonical decompositions {code: first code}."""
    classes, lower, decomposition = ["U"] * N_CODES, {}, {}
    first = None
    for line in open(path, encoding="utf-8"):
        field = line.rstrip("\n").split(";")
        code = int(field[0], 16)
        if field[1].endswith(", First>"):
            first = code
            continue
        start = first if field[1].endswith(", Last>") else code
        first = None
        for c in range(start, code + 1):
            classes[c] = field[2][0]
        if field[13]:
            lower[code] = int(field[13], 16)
        if field[5] and not field[5].startswith("<"):
            decomposition[code] = int(field[5].split()[0], 16)
    return classes, lower, decomposition


def read_white_space(path):
    for line in open(path, encoding="utf-8"):
        rule = line.split("#")[0].split(";")
        if len(rule) == 2 and rule[1].strip() == "White_Space":
            ends = rule[0].strip().split("..")
            yield from range(int(ends[0], 16), int(ends[-1], 16) + 1)


def lower_runs(lower):
    """Runs [first, last, stride, delta] of code points that move by the same distance."""
    runs = []
    for code, low in sorted(lower.items()):
        if runs and runs[-1][3] == low - code:
            run = runs[-1]
            stride = code - run[1]
            if stride <= 2 and (run[0] == run[1] or run[2] == stride):
                run[1], run[2] = code, stride
                continue
        runs.append([code, code, 1, low - code])
    return runs


def decomposition_runs(decomposition):
    """Runs [first, last, base] of neighbours whose full decomposition begins with the same code point."""
    runs = []
    for code in sorted(decomposition):
        base = decomposition[code]
        while base in decomposition:
            base = decomposition[base]
        if runs and runs[-1][1] == code - 1 and runs[-1][2] == base:
            runs[-1][1] = code
        else:
            runs.append([code, code, base])
    return runs


def print_list(items):
    line = " "
    for item in items:
        if len(line) + len(item) + 2 > 118:
            print(line)
            line = " "
        line += " " + item + ","
    print(line)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "/usr/share/unicode"
    classes, lower, decomposition = read_unicode_data(folder + "/UnicodeData.txt")
    for start, end, letter in PATCH_15_1:
        for code in range(start, end + 1):
            classes[code] = letter
    for code in read_white_space(folder + "/PropList.txt"):
        classes[code] = "Z"
    for code in (0x0A, 0x0D):
        classes[code] = "R"

    blocks, index = {}, []
    for start in range(0, N_CODES, BLOCK):
        index.append(blocks.setdefault("".join(classes[start:start + BLOCK]), len(blocks)))
    assert len(blocks) < 256

    print(NOTICE, end="")
    print('#include "src/tokenizer/unicode_tables.h"\n\n// clang-format off\nnamespace quern::detail {')
    print("\nconst std::uint8_t unicode_block[%d] = {" % len(index))
    print_list(map(str, index))
    print("};\n\nconst char unicode_classes[%d][%d] = {" % (len(blocks), BLOCK + 1))
    for block in blocks:
        print('  "%s",' % block)
    runs = lower_runs(lower)
    print("};\n\nconst LowerRun lower_runs[%d] = {" % len(runs))
    print_list("{0x%X, 0x%X, %d, %d}" % tuple(run) for run in runs)
    print("};\nconst std::size_t n_lower_runs = %d;" % len(runs))
    runs = decomposition_runs(decomposition)
    print("\nconst DecompositionRun decomposition_runs[%d] = {" % len(runs))
    print_list("{0x%X, 0x%X, 0x%X}" % tuple(run) for run in runs)
    print("};\nconst std::size_t n_decomposition_runs = %d;" % len(runs))
    print("\n}  // namespace quern::detail")


if __name__ == "__main__":
    main()
