"""What the distributions hold: the wheel the package and nothing else, the sdist its tests as well."""

import sys
import tarfile
import zipfile
from pathlib import Path

folder = Path(sys.argv[1])
(wheel,) = folder.glob("*.whl")
(sdist,) = folder.glob("*.tar.gz")
with zipfile.ZipFile(wheel) as archive:
    in_wheel = set(archive.namelist())
with tarfile.open(sdist) as archive:
    in_sdist = {name.partition("/")[2] for name in archive.getnames()}

committed = {str(path) for path in Path("numpy_bert").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
packaged = {name for name in in_wheel if ".dist-info/" not in name}
faults = [f"not in the wheel: {name}" for name in sorted(committed - packaged)]
faults += [f"in the wheel: {name}" for name in sorted(packaged - committed)]
faults += [f"not in the wheel: {name}" for name in ["numpy_bert/py.typed"] if name not in in_wheel]
faults += [
    f"not in the sdist: {name}"
    for name in [
        "tests/conftest.py",
        "tests/support/checkpoints.py",
        "LICENSE",
        "README.md",
        "setup.cfg",
        "pyproject.toml",
    ]
    if name not in in_sdist
]
if not any(name.endswith(".dist-info/licenses/LICENSE") for name in in_wheel):
    faults.append("not in the wheel: the license")
print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB, {sdist.name}: {sdist.stat().st_size / 1e6:.2f} MB")
if faults:
    sys.exit("\n".join(faults))
