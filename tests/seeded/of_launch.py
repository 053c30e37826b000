"""SP0271 to SP0279: a launch section that disagrees with the layout or with itself."""

from hypothesis import strategies as st

from tests.seeded.draft import Draft, seeded


def _machines(draft: Draft, launch: dict[str, object]) -> None:
    draft.layout()
    draft.drop("training")
    draft.give(launch, "launch")
    draft.wrong(2, "parallelism", "num_nodes")


@seeded("SP0271")
def local_machines(draft: Draft) -> None:
    _machines(draft, {"target": "local"})


@seeded("SP0272")
def rendezvous_missing(draft: Draft) -> None:
    _machines(draft, {"target": "torchrun"})


@seeded("SP0274")
def rendezvous_form(draft: Draft) -> None:
    place = draft.draw(st.sampled_from(["tcp://node1", "node1:port", "a b:1"]))
    _machines(draft, {"target": "torchrun", "torchrun": {"rendezvous": place}})
    draft.mark("launch", "torchrun", "rendezvous")


@seeded("SP0279")
def no_time_to_run(draft: Draft) -> None:
    draft.layout()
    draft.give({"target": "slurm", "slurm": {"save_seconds": 600}}, "launch")
    draft.wrong(str(draft.draw(st.integers(1, 10))), "launch", "slurm", "time_limit")
