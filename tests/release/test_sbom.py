"""SBOM and licences: complete beside a second reader of the lock file, valid, the same each time, none unknown."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.release.licences import UnknownLicenceError, licence_in
from tests.release.lock import EXTRAS, ROOT
from tests.release.sbom import NEEDED_FOR, as_json, extras_of_image, of_image, of_wheel

UV = Path(sys.executable).parent / "uv"


@pytest.fixture(scope="module")
def written() -> Iterator[str]:
    """The document of the wheel, at a time that is told."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1796000000")
        yield as_json(of_wheel())


@pytest.fixture(scope="module")
def wheel(written: str) -> dict[str, Any]:
    bom: dict[str, Any] = json.loads(written)
    return bom


def exported(*extras: str) -> set[str]:
    """What uv would install here, as `name@version`."""
    command = [
        str(UV),
        "export",
        "--frozen",
        "--offline",
        "--no-dev",
        "--no-emit-project",
        "--no-hashes",
        "--quiet",
    ]
    command += [word for extra in extras for word in ("--extra", extra)]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    windows = re.compile(r"sys_platform == 'win32'")  # the only markers that keep something away from Linux
    lines = [line for line in listed.splitlines() if "==" in line and not line.strip().startswith("#")]
    here = [line.partition(";")[0].strip() for line in lines if not windows.search(line)]
    return {line.replace("==", "@") for line in here}


def libraries(bom: dict) -> dict[str, dict]:
    return {each["bom-ref"]: each for each in bom["components"] if each["type"] == "library"}


def needed_for(component: dict) -> set[str]:
    return {each["value"] for each in component["properties"] if each["name"] == NEEDED_FOR}


def test_the_wheels_names_what_uv_installs_and_for_which_part(wheel: dict):
    components = libraries(wheel)
    assert set(components) == exported(*EXTRAS)
    default = {ref for ref, each in components.items() if needed_for(each) == {"default"}}
    assert default == exported() == {ref for ref, each in components.items() if each["scope"] == "required"}
    for extra in EXTRAS:
        assert default | {ref for ref, each in components.items() if extra in needed_for(each)} == exported(
            extra
        )


def test_the_images_names_what_its_dockerfile_installs_and_its_base():
    bom = json.loads(as_json(of_image()))
    assert set(libraries(bom)) == exported(*extras_of_image())
    bases = [each["name"] for each in bom["components"] if each["type"] == "container"]
    assert bases == ["python"]


def test_every_package_has_a_licence_and_is_reached_from_the_project(wheel: dict):
    assert [ref for ref, each in libraries(wheel).items() if not each["licenses"]] == []
    arrows = {each["ref"]: each.get("dependsOn", []) for each in wheel["dependencies"]}
    waiting, reached = [wheel["metadata"]["component"]["bom-ref"]], set()
    while waiting:
        ref = waiting.pop()
        if ref not in reached:
            reached.add(ref)
            waiting += arrows[ref]
    assert reached == {*libraries(wheel), wheel["metadata"]["component"]["bom-ref"]}


def test_it_is_valid_and_the_same_each_time(written: str, wheel: dict):
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written) is None
    assert as_json(of_wheel()) == written
    assert wheel["metadata"]["timestamp"] == "2026-11-30T00:53:20+00:00"


BSD = "Redistribution and use in source and binary forms, with or without modification, are permitted"


@pytest.mark.parametrize(
    ("metadata", "text", "licence"),
    [
        ("License-Expression: mit or apache-2.0", "", ("MIT OR Apache-2.0", True, "License-Expression")),
        ("License: Apache 2.0", "", ("Apache-2.0", True, "License")),
        ("Classifier: License :: OSI Approved :: BSD License", BSD, ("BSD-2-Clause", True, "LICENSE.txt")),
        ("License: BSD", f"{BSD}\nNeither the name of", ("BSD-3-Clause", True, "LICENSE.txt")),
        ("Classifier: License :: OSI Approved :: MIT License", "", ("MIT", True, "Classifier")),
        ("License: BSD license", "Anything", ("BSD license", False, "License")),
        ("Classifier: License :: OSI Approved :: BSD License", "", ("BSD License", False, "Classifier")),
    ],
)
def test_a_licence_is_told_as_exactly_as_the_package_tells_it(tmp_path: Path, metadata, text, licence):
    found = licence_in(package(tmp_path, metadata, text))
    assert (found.words, found.spdx, found.told_by) == licence


@pytest.mark.parametrize("metadata", ["Summary: Says nothing", "License: UNKNOWN"])
def test_a_package_that_names_no_licence_is_refused(tmp_path: Path, metadata):
    with pytest.raises(UnknownLicenceError, match=r"^example 1\.0 does not say under which licence it is$"):
        licence_in(package(tmp_path, metadata, ""))


def package(folder: Path, metadata: str, text: str) -> Distribution:
    info = folder / "example-1.0.dist-info"
    info.mkdir()
    lines = f"Metadata-Version: 2.1\nName: example\nVersion: 1.0\n{metadata}\n"
    (info / "METADATA").write_text(lines, encoding="utf-8")
    (info / "LICENSE.txt").write_text(text, encoding="utf-8")
    names = ["METADATA", "LICENSE.txt", "RECORD"]
    (info / "RECORD").write_text("".join(f"{info.name}/{name},,\n" for name in names), encoding="utf-8")
    return Distribution.at(info)
