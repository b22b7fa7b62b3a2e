"""What the `tokenizers` library knows of Unicode, where that differs from the tables of `unicode_tables`.

Found by trying every code point on tokenizers 0.23.3: code points and ranges of code points, in hexadecimal.
tests/tokenizer/test_against_tokenizers.py tries them again.
"""

# Nonspacing marks since Unicode 8.0: kept by the library, which takes them for letters.
LATER_MARKS = """
5c8-5c9 7fd 897-89f 8ca-8e1 9fe afa-aff b53-b55 c04 c3c d00 d3b-d3c d81 eba ece 180f 1885-1886 1abf-1af0
1df6-1dfb a82c a8c5 a8ff a9bd 10d24-10d27 10d69-10d6d 10eab-10eac 10ecb-10ecf 10ef0-10eff 10f46-10f50
10f82-10f85 11070 11073-11074 110c2 111c9 111cf 1123e 11241 1133b 113bb-113c0 113ce 113d0 113d2 113e1-113e2
11438-1143f 11442-11444 11446 1145e 1182f-11837 11839-1183a 1193b-1193c 1193e 11943 119d4-119d7 119da-119db
119e0 11a01-11a0a 11a33-11a38 11a3b-11a3e 11a47 11a51-11a56 11a59-11a5b 11a8a-11a96 11a98-11a99 11b60
11b62-11b64 11b66 11c30-11c36 11c38-11c3d 11c3f 11c92-11ca7 11caa-11cb0 11cb2-11cb3 11cb5-11cb6 11d31-11d36
11d3a 11d3c-11d3d 11d3f-11d45 11d47 11d90-11d91 11d95 11d97 11df0 11ef3-11ef4 11f00-11f01 11f36-11f3a 11f40
11f42 11f5a 13440 13447-13455 1611e-16129 1612d-1612f 16f4f 16fe4 1cf00-1cf2d 1cf30-1cf46 1d127-1d128
1d25b-1d25c 1e000-1e006 1e008-1e018 1e01b-1e021 1e023-1e024 1e026-1e02a 1e08f 1e130-1e136 1e2ae 1e2ec-1e2ef
1e4ec-1e4ef 1e5ee-1e5ef 1e6e3 1e6e6 1e6ee-1e6ef 1e6f5 1e944-1e94a
"""

# Punctuation since Unicode 8.0: letters to the library.
LATER_PUNCTUATION = """
61d 9fd a76 c77 c84 1b4e-1b4f 1b7d-1b7f 2e43-2e4f 2e52-2e5d 2e60-2e63 10d6e 10ead 10ed0 10f55-10f59 10f86-10f89
113d4-113d5 113d7-113d8 1144b-1144f 1145a-1145b 1145d 11660-1166c 116b9 1183b 11944-11946 119e2 11a3f-11a46
11a9a-11a9c 11a9e-11aa2 11b00-11b09 11be1 11c41-11c45 11c70-11c71 11ef7-11ef8 11f43-11f4f 11fff 12ff1-12ff2
16d6d-16d6f 16e97-16e9a 16fe2 1e5ff 1e95e-1e95f
"""

# Their NFD holds a mark that the library keeps and that has a combining class: NFD may move it.
REORDERED = """
8d4-8e1 1b44 1baa 1bf2-1bf3 1dfb 302e-302f a953 a9c0 111c0 11235 1134d 11442 11446 116b6 11c3f 1d15e-1d166
1d16d-1d172 1d1bb-1d1c0 1e000-1e006 1e008-1e018 1e01b-1e021 1e023-1e024 1e026-1e02a 1e944-1e94a
"""

# Decompositions since Unicode 13.0: the library leaves these characters whole.
LATER_DECOMPOSED = "11938 105c9 105e4 11383 11385 1138e 11391 113c5 113c7-113c8 16121-16128 16d68-16d6a"

# Capitals since Unicode 14.0, which `str.lower` of Python 3.10 or 3.11 leaves alone: first, last, what they begin with.
_CAPITALS = """
1c89-1c89:1c8a 2c2f-2c2f:2c5f a7c0-a7c0:a7c1 a7cb-a7cb:264 a7cc-a7cc:a7cd a7ce-a7ce:a7cf a7d0-a7d0:a7d1
a7d2-a7d2:a7d3 a7d4-a7d4:a7d5 a7d6-a7d6:a7d7 a7d8-a7d8:a7d9 a7da-a7da:a7db a7dc-a7dc:19b 10570-1057a:10597
1057c-1058a:105a3 1058c-10592:105b3 10594-10595:105bb 10d50-10d65:10d70 16ea0-16eb8:16ebb
"""


def _lower() -> dict[str, str]:
    table = {}
    for entry in _CAPITALS.split():
        first, last, small = (int(number, 16) for number in entry.replace(":", "-").split("-"))
        table.update({chr(code): chr(code - first + small) for code in range(first, last + 1)})
    return table


LOWER = _lower()
