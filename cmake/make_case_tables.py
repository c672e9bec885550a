#!/usr/bin/env python3
"""Writes src/chat/case_tables.cpp: full upper case and title case, from the Unicode data of this Python.

usage: make_case_tables.py > src/chat/case_tables.cpp
"""
import unicodedata


def quoted(text):
    return '"' + "".join("\\x%02x" % b for b in text.encode()) + '"'


simple, special = {}, []
for code in range(0x110000):
    if 0xD800 <= code < 0xE000:
        continue
    c = chr(code)
    upper, title = c.upper(), c.title()
    if len(upper) > 1 or title != upper:
        special.append((code, upper, title))
    elif upper != c:
        simple[code] = ord(upper) - code

runs = []
for code, delta in sorted(simple.items()):
    if runs and runs[-1][3] == delta:
        first, last, stride, _ = runs[-1]
        step = code - last
        if step <= 2 and (stride == step or first == last):
            runs[-1] = (first, code, step, delta)
            continue
    runs.append((code, code, 1, delta))

print(f"""\
// Upper and title case, made by cmake/make_case_tables.py from the data of Unicode {unicodedata.unidata_version}, reduced and rearranged
// into tables; the terms of that data stand in src/tokenizer/unicode_tables.cpp.
#include "src/chat/case_tables.h"

namespace quern::detail::jinja {{

// clang-format off
const UpperRun upper_runs[] = {{""")
line = ""
for run in runs:
    item = "{0x%x, 0x%x, %d, %d}, " % run
    if len(line) + len(item) > 108:
        print("  " + line.rstrip())
        line = ""
    line += item
print("  " + line.rstrip())
print("};\nconst std::size_t n_upper_runs = sizeof upper_runs / sizeof upper_runs[0];\n")
print("const SpecialCase special_cases[] = {")
for code, upper, title in special:
    print("  {0x%x, %s, %s}," % (code, quoted(upper), quoted(title)))
print("};\nconst std::size_t n_special_cases = sizeof special_cases / sizeof special_cases[0];")
print("// clang-format on\n\n}  // namespace quern::detail::jinja")
