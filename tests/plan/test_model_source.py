import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softprompt_plan.model_source import Located, NotFound, NotFoundKind, locate_model, source_kind
from softprompt_plan.vocabulary import ModelSourceKind


def model_folder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


def missing(source: str, spec_folder: Path, environment: dict[str, str] | None = None) -> NotFound:
    found = locate_model(source, spec_folder, environment or {"HF_HOME": "/none"})
    assert isinstance(found, NotFound)
    return found


def test_a_folder_is_relative_to_the_spec(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "models/tiny")

    for source in ("models/tiny", "./models/tiny", str(folder), "${MODELS}/tiny"):
        found = locate_model(source, tmp_path, {"MODELS": "models"})
        assert isinstance(found, Located)
        assert (found.kind, found.path.resolve()) == (ModelSourceKind.FOLDER, folder.resolve())


def test_a_gguf_file_is_one_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.GGUF").touch()

    found = locate_model("a.GGUF", tmp_path, {})

    assert found == Located(kind=ModelSourceKind.GGUF, path=tmp_path / "a.GGUF")


def test_an_unset_variable_is_named(tmp_path: Path) -> None:
    found = missing("${MODELS}/tiny", tmp_path)

    assert found.kind is NotFoundKind.VARIABLE
    assert "MODELS" in found.reason


def test_a_misspelt_path_gets_its_neighbour(tmp_path: Path) -> None:
    model_folder(tmp_path / "models/smollm2")
    (tmp_path / "models/a.gguf").touch()

    assert missing("./models/smolm2", tmp_path).suggestions == ("models/smollm2",)
    assert missing("modells/smollm2", tmp_path).suggestions == ("models/smollm2",)
    assert missing("models/b.gguf", tmp_path).suggestions == ("models/a.gguf",)
    assert missing("models/b.gguf", tmp_path).kind is NotFoundKind.MISSING


def test_a_hub_id_outside_the_cache_is_no_fault(tmp_path: Path) -> None:
    for hub_id in ("gpt2", "HuggingFaceTB/SmolLM2-135M", "a/b.c_d-e"):
        assert missing(hub_id, tmp_path).kind is NotFoundKind.HUB


@pytest.mark.parametrize(
    "source",
    [
        "/none",
        "./a/b",
        "../a",
        "a/b/c",
        "~/none",
        "a/b.gguf",
        "a.nemo",
        "a b",
        "a/../b",
        "",
        "a\0b",
    ],
)
def test_what_cannot_be_a_hub_id_is_missing(tmp_path: Path, source: str) -> None:
    assert missing(source, tmp_path).kind is NotFoundKind.MISSING


def test_a_name_longer_than_the_file_system_allows_is_missing(tmp_path: Path) -> None:
    assert missing("a" * 5_000, tmp_path).kind is NotFoundKind.MISSING


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME"])
def test_a_hub_id_in_the_cache_is_found(tmp_path: Path, variable: str) -> None:
    cache = tmp_path / "hub" if variable == "HF_HOME" else tmp_path
    entry = cache / "models--org--tiny"
    (entry / "refs").mkdir(parents=True)
    (entry / "refs/main").write_text("abc")
    (entry / "refs/v1").write_text("def")
    first, second = (model_folder(entry / "snapshots" / name) for name in ("abc", "def"))
    environment = {variable: str(tmp_path)}
    spec_folder = tmp_path / "spec"

    def found(revision: str | None) -> Path | None:
        result = locate_model("org/tiny", spec_folder, environment, revision)
        return result.path if isinstance(result, Located) else None

    assert found(None) == first
    assert found("v1") == second
    assert found("def") == second
    assert found("v2") is None
    assert found("../../refs") is None
    assert found("/etc") is None


def test_a_folder_is_preferred_to_a_hub_id(tmp_path: Path) -> None:
    model_folder(tmp_path / "org/tiny")

    assert source_kind("org/tiny", tmp_path, {}) is ModelSourceKind.FOLDER
    assert source_kind("org/other", tmp_path, {"HF_HOME": "/none"}) is ModelSourceKind.HUB
    assert source_kind("./org/other", tmp_path, {}) is None


def test_a_folder_without_config_offers_its_gguf_files(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models/a.gguf").touch()

    found = missing("models", tmp_path)

    assert found.kind is NotFoundKind.MISSING
    assert found.suggestions == ("models/a.gguf",)


def test_nemo_checkpoints_are_refused_as_not_built(tmp_path: Path) -> None:
    (tmp_path / "a.nemo").touch()
    (tmp_path / "extracted").mkdir()
    (tmp_path / "extracted/model_config.yaml").touch()

    for source in ("a.nemo", "extracted"):
        assert missing(source, tmp_path).kind is NotFoundKind.UNSUPPORTED


def test_a_weights_file_offers_its_folder(tmp_path: Path) -> None:
    (model_folder(tmp_path / "tiny") / "model.safetensors").touch()

    found = missing("tiny/model.safetensors", tmp_path)

    assert (found.kind, found.suggestions) == (NotFoundKind.UNSUPPORTED, ("tiny",))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package that must not be imported."""
    folder = tmp_path / "site/tiny_weights_for_a_test"
    (folder / "files").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "files/tiny.gguf").touch()
    (tmp_path / "site/outside.gguf").touch()
    monkeypatch.syspath_prepend(tmp_path / "site")
    return folder


def test_a_file_of_a_package_is_found_without_importing_it(tmp_path: Path, package: Path) -> None:
    found = locate_model("package:tiny_weights_for_a_test/files/tiny.gguf", tmp_path, {})

    expected = (package / "files/tiny.gguf").resolve()
    assert found == Located(kind=ModelSourceKind.GGUF, path=expected)
    assert package.name not in sys.modules


def test_a_package_file_stays_inside_its_package(tmp_path: Path, package: Path) -> None:
    (package / "link.gguf").symlink_to(tmp_path / "site/outside.gguf")

    for file in ("../outside.gguf", "link.gguf", f"/{tmp_path}/site/outside.gguf"):
        found = missing(f"package:{package.name}/{file}", tmp_path)
        assert found.kind is NotFoundKind.MISSING


def test_a_missing_package_file_offers_what_is_there(tmp_path: Path, package: Path) -> None:
    found = missing(f"package:{package.name}/other.gguf", tmp_path)

    assert found.suggestions == (f"package:{package.name}/files/tiny.gguf",)


@pytest.mark.parametrize(
    "source",
    [
        "package:no_such_package/x.gguf",
        "package:",
        "package:json",
        "package:json/x.bin",
        "package:os.path/x.gguf",
        "package:__main__/x.gguf",
        "package:sys/x.gguf",
    ],
)
def test_what_names_no_package_file_is_a_package_fault(tmp_path: Path, source: str) -> None:
    assert missing(source, tmp_path).kind is NotFoundKind.PACKAGE


@given(source=st.text(max_size=20) | st.from_regex(r"(package:|~|\./|\$\{)?[a-z./~:*\[]{0,12}"))
def test_no_source_raises(tmp_path_factory: pytest.TempPathFactory, source: str) -> None:
    found = locate_model(source, tmp_path_factory.getbasetemp(), {"HF_HOME": "/none"})

    assert isinstance(found, Located) or found.reason
