"""`spec plan`, for people and for tools."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from softprompt_compiler.gpus import GPUS
from tests.compiler.command_line import SPEC, call, work_in

COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
COUNT_OR_NULL: dict[str, Any] = {"type": ["integer", "null"], "minimum": 0}
NUMBER: dict[str, Any] = {"type": "number", "minimum": 0}
TEXT: dict[str, Any] = {"type": "string"}


def closed(properties: dict[str, Any]) -> dict[str, Any]:
    """An object with exactly these keys."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": list(properties),
    }


def listed(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


TERMS = listed(
    closed({"name": TEXT, "formula": TEXT, "numbers": listed({"type": "integer"}), "bytes": COUNT})
)
VERDICT: dict[str, Any] = {"enum": ["fits", "tight", "does not fit", None]}
SCHEMA = closed(
    {
        "format_version": {"const": "1.0"},
        "spec": TEXT,
        "name": TEXT,
        "rows": closed(
            {
                "measured": {"type": "boolean"},
                "tasks": listed(
                    closed(
                        {
                            "task": TEXT,
                            "visits_per_epoch": COUNT_OR_NULL,
                            "mean_length": NUMBER,
                            "longest": COUNT,
                            "virtual_tokens": COUNT,
                            "most_loss_tokens": COUNT,
                        }
                    )
                ),
            }
        ),
        "batches": closed(
            {
                "global_batch_size": COUNT,
                "micro_batch_size": COUNT,
                "accumulation": COUNT,
                "data_parallel_size": COUNT,
                "rows_per_epoch": COUNT_OR_NULL,
                "steps_per_epoch": COUNT_OR_NULL,
                "total_steps": COUNT_OR_NULL,
                "tokens_per_step": NUMBER,
                "shared_tokens_per_step": NUMBER,
                "tokens_per_epoch": COUNT_OR_NULL,
                "total_tokens": COUNT_OR_NULL,
                "padding_share": NUMBER,
            }
        ),
        "model": {
            "anyOf": [
                {"type": "null"},
                closed(
                    {
                        "family": TEXT,
                        "frozen_parameters": COUNT,
                        "trained_parameters": COUNT,
                        "ranks": listed(
                            closed(
                                {
                                    "stage": COUNT,
                                    "blocks": COUNT,
                                    "micro_batches_in_flight": COUNT,
                                    "standing": TERMS,
                                    "moments": listed(
                                        closed({"moment": TEXT, "bytes": COUNT, "terms": TERMS})
                                    ),
                                    "bytes": COUNT,
                                }
                            )
                        ),
                        "assumed_bytes": closed(
                            {"context": COUNT, "channels": COUNT, "fragmented": COUNT}
                        ),
                        "total_bytes": COUNT,
                        "traffic": closed(
                            {
                                "tensor_parallel": COUNT,
                                "pipeline_parallel": COUNT,
                                "data_parallel": COUNT,
                                "bubble": NUMBER,
                            }
                        ),
                        "operations_per_step": closed(
                            {
                                "blocks": NUMBER,
                                "attention": NUMBER,
                                "head": NUMBER,
                                "recomputed": NUMBER,
                                "total": NUMBER,
                            }
                        ),
                        "gpu": {"type": ["string", "null"]},
                        "verdict": VERDICT,
                        "gpus": listed(
                            closed(
                                {
                                    "name": {"enum": list(GPUS)},
                                    "memory_bytes": COUNT,
                                    "verdict": VERDICT,
                                    "smallest_tensor_parallel": COUNT_OR_NULL,
                                    "seconds_per_step": {"type": ["number", "null"]},
                                    "seconds": {"type": ["number", "null"]},
                                }
                            )
                        ),
                    }
                ),
            ]
        },
        "model_missing": {"type": ["string", "null"]},
    }
)


@pytest.fixture(autouse=True)
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work_in(tmp_path, monkeypatch)


def planned(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    done = call(capsys, "plan", "spec.yaml", "-o", "json", *arguments)
    assert done.code == 0
    found = json.loads(done.out)
    jsonschema.validate(found, SCHEMA)
    return found


def test_json_is_as_documented(capsys: pytest.CaptureFixture[str]) -> None:
    found = planned(capsys, "--gpu", "T4-16GB")
    model, (rank,) = found["model"], found["model"]["ranks"]

    assert found["rows"]["measured"]
    assert (model["gpu"], model["verdict"]) == ("T4-16GB", "fits")
    assert found["batches"]["steps_per_epoch"] is not None
    assert [each["name"] for each in model["gpus"]] == list(GPUS)
    standing = sum(term["bytes"] for term in rank["standing"])
    assert rank["bytes"] == standing + max(moment["bytes"] for moment in rank["moments"])
    for term in [*rank["standing"], *rank["moments"][0]["terms"]]:
        product = 1
        for number in term["numbers"]:
            product *= number
        assert product == term["bytes"]
        assert len(term["formula"].split()) >= len(term["numbers"]) > 0


def test_without_data_rows_are_as_long_as_they_may_be(capsys: pytest.CaptureFixture[str]) -> None:
    found = planned(capsys, "--no-data")
    (task,) = found["rows"]["tasks"]

    assert not found["rows"]["measured"]
    assert task["longest"] == 64
    assert found["batches"]["rows_per_epoch"] is None


def test_a_family_that_is_not_known_gets_steps_and_no_memory(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = next(Path().rglob("config.json"))
    path.write_text(path.read_text().replace('"llama"', '"falcon"'))

    found = planned(capsys, "--no-data")
    done = call(capsys, "plan", "spec.yaml", "--no-data")

    assert found["model"] is None
    assert "falcon" in found["model_missing"]
    assert done.code == 0
    assert "No memory, traffic or time" in done.out


def test_people_get_formulas_numbers_and_a_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    done = call(capsys, "plan", "spec.yaml", "--gpu", "T4-16GB")

    assert (done.code, done.err) == (0, "")
    assert "frozen weights" in done.out
    assert "W b" in done.out
    assert "T4-16GB: fits" in done.out
    assert "Smallest tensor-parallel size: 1." in done.out


def test_a_gpu_that_is_not_known_gets_its_neighbour_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = call(capsys, "plan", "spec.yaml", "--gpu", "H100")

    assert (done.code, done.out) == (1, "")
    assert "H100-80GB" in done.err


def test_a_faulty_spec_is_told_and_not_planned(capsys: pytest.CaptureFixture[str]) -> None:
    Path("spec.yaml").write_text(SPEC.replace("version: 1", "version: 9"))

    done = call(capsys, "plan", "spec.yaml")

    assert (done.code, done.out) == (1, "")
    assert "error[" in done.err
