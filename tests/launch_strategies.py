"""Launch sections that are valid by construction, for the strategies of whole specs."""

from typing import Any

from hypothesis import strategies as st


def some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of the keys, each with a value of its strategy."""
    return st.fixed_dictionaries({}, optional=optional)


words = st.text("abc XYZ:#'\"\\\u00e9\u4e2d\U0001f600\n", min_size=1, max_size=12)
_one_line = st.text("abc XYZ:#'\"\\\u00e9\u4e2d$`/.-", min_size=1, max_size=12)
_labels = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True)
_slurm_words = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.,-]{0,8}", fullmatch=True)
_variables = st.from_regex(r"V[A-Z0-9_]{0,8}", fullmatch=True)
_paths = st.from_regex(r"/[a-z \"'$]{1,8}", fullmatch=True)


def launch_sections(*, has_gpus: bool) -> st.SearchStrategy[dict[str, Any]]:
    """A launch section for one machine. has_gpus: whether the run may ask for GPUs."""
    common = some(
        setup=st.lists(words, max_size=2),
        environment=st.dictionaries(_variables, words, max_size=2),
        secrets=st.lists(_variables.map("S_{}".format), max_size=2, unique=True),
        ci=st.none() | some(spec=_one_line, folder=_one_line, python=_one_line),
    )
    target = st.one_of(
        st.sampled_from([{}, {"target": "local"}]),
        _of("torchrun", some(max_restarts=st.integers(0, 9))),
        _of("slurm", _slurm(has_gpus=has_gpus)),
        _of("kubernetes", _kubernetes(has_gpus=has_gpus)),
        _of("skypilot", _skypilot(has_gpus=has_gpus)),
    )
    return st.builds(_joined, common, target)


def _joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return one | other


def _of(target: str, section: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return section.map(lambda values: {"target": target, target: values})


def _slurm(*, has_gpus: bool) -> st.SearchStrategy[dict[str, Any]]:
    container = st.fixed_dictionaries(
        {"image": _one_line}, optional={"mounts": st.dictionaries(_paths, _paths, max_size=2)}
    )
    keys = some(
        partition=_slurm_words,
        account=_slurm_words,
        qos=_slurm_words,
        time_limit=st.sampled_from(["10", "12:00:00", "2-00", "1-00:30:00", "90:00"]),
        cpus_per_device=st.integers(0, 64),
        memory=st.sampled_from(["64G", "1024", "1T"]),
        max_requeues=st.integers(0, 50),
        save_seconds=st.integers(1, 300),
        seeds=st.lists(st.integers(0, 2**32 - 1), max_size=3, unique=True),
        **({"gpu_type": _slurm_words} if has_gpus else {}),
    )
    return st.builds(_joined, keys, st.one_of(st.just({}), container))


def _kubernetes(*, has_gpus: bool) -> st.SearchStrategy[dict[str, Any]]:
    needed = {"name": _labels, "image": _one_line, "folder": _paths}
    optional: dict[str, st.SearchStrategy[Any]] = {
        "namespace": _labels,
        "runtime": _labels,
        "mounts": st.dictionaries(_paths, _labels, max_size=2),
        "service_account": _labels,
        "secret": _labels,
        "cpu": st.sampled_from(["16", "500m", "1.5"]),
        "memory": st.sampled_from(["128Gi", "1.5Ti", "64G"]),
    }
    gpus = {"gpu_resource": st.sampled_from(["nvidia.com/gpu", "amd.com/gpu"])} if has_gpus else {}
    return st.fixed_dictionaries(needed, optional={**optional, **gpus})


def _skypilot(*, has_gpus: bool) -> st.SearchStrategy[dict[str, Any]]:
    needed = {"accelerator": st.sampled_from(["H100", "A100-80GB"])} if has_gpus else {}
    optional: dict[str, st.SearchStrategy[Any]] = {
        "cloud": _labels,
        "region": _labels,
        "spot": st.booleans(),
        "image": _one_line,
        "workdir": _one_line,
        "folder": _one_line,
        "mounts": st.dictionaries(_paths, _one_line, max_size=2),
    }
    return st.fixed_dictionaries(needed, optional=optional)
