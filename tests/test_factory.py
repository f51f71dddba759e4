"""The factory from recipe to store: always the same bytes, never over something else, nothing made twice."""

from __future__ import annotations

import json
import shutil

import pyarrow as pa
import pytest
from spheres_backend import SpheresBackend
from tiny_factory import SAMPLES, SHARDS, TEXT, committed, contents, order, press
from troubled_backend import Trouble

from voxpress import store
from voxpress.errors import CorruptError, FormatError, GenerationError, StoreExistsError, UnreachableError
from voxpress.generation.arrays import quantised, specs_of
from voxpress.generation.cohort import draw_cohort
from voxpress.generation.factory import Progress, generate, plan_jobs
from voxpress.generation.recipe import load_people, load_recipe, parse_recipe

pytestmark = pytest.mark.timeout(120)

FAIL = "backend={name: spheres, fail: {3: 1, 4: 2, 6: 6}}"


def spheres(recipe) -> SpheresBackend:
    return SpheresBackend(recipe.backend.options, recipe.grid)


@pytest.fixture
def balls(pressed_balls, tmp_path):
    """A copy of the finished store, for a test to damage."""
    return shutil.copytree(pressed_balls, tmp_path / "tiny-balls")


# --- the same bytes, however they are made


def test_what_is_made_is_sound(pressed_balls) -> None:
    assert store.verify(pressed_balls).problems == ()
    cohort = store.open(pressed_balls)
    assert len(cohort) == SAMPLES
    assert cohort.manifest.rejected == ()
    assert not (pressed_balls / store.WORK_FOLDER).exists()
    for sample in cohort:
        for name in ("image", "label"):
            assert store.voxels_sha256(sample[name]) == sample[f"{name}_sha256"]


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("arrange", [None, "reversed", "shuffled"])
def test_neither_workers_nor_their_order_change_a_byte(pressed_balls, tmp_path, workers, arrange) -> None:
    orders = {"reversed": lambda jobs: jobs[::-1], "shuffled": lambda jobs: jobs[1::2] + jobs[::2]}
    press(order(), tmp_path, workers=workers, arrange=orders.get(arrange))
    assert contents(tmp_path) == contents(pressed_balls)


def test_a_store_holds_all_that_is_needed_to_make_it_again(tmp_path) -> None:
    (tmp_path / "in").mkdir()
    people = "age_years,radius_mm,tone\r\n" + "".join(f"{50 + n},{2.5 + n / 10},dark\r\n" for n in range(9))
    (tmp_path / "in" / "who.csv").write_bytes(people.encode())
    text = TEXT.replace("samples: 14", "people: who.csv\nconditions: {radius_mm: {column: radius_mm}, tone: bright}")
    recipe = parse_recipe(text, folder=tmp_path / "in")
    run = press(recipe, tmp_path / "one", people_folder=tmp_path / "in")
    assert (run.made, run.ignored_columns) == (9, ("age_years", "tone"))
    again = load_recipe(tmp_path / "one" / "recipe.yaml")
    press(again, tmp_path / "two", people_folder=tmp_path / "one")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert press(again, tmp_path / "one", people_folder=tmp_path / "one").made == 0
    assert load_people(again, tmp_path / "one") is not None


def test_a_sample_made_alone_is_that_of_the_store(pressed_balls) -> None:
    recipe = order()
    backend = spheres(recipe)
    specs, plan = specs_of(recipe, backend), draw_cohort(recipe, backend)
    rows = {row["index"]: row for row in store.open(pressed_balls).table.to_pylist()}
    assert sorted(rows) == list(range(SAMPLES))
    for index in (9, 0):
        [sample] = backend.generate([plan.order(index)])
        for name, spec in specs.items():
            assert store.voxels_sha256(quantised(sample.volumes[name], spec)) == rows[index][f"{name}_sha256"]
        assert rows[index]["measured_radius_mm"] == sample.measured["radius_mm"]


def test_a_data_set_that_grows_keeps_its_samples(pressed_balls, tmp_path) -> None:
    press(order("samples=20"), tmp_path)
    few, many = store.open(pressed_balls), store.open(tmp_path)
    first = many.where(f"index < {SAMPLES}")
    assert first.table.to_pylist() == few.table.to_pylist()
    assert (first.read(3) == few.read(3)).all()


def test_one_sample_leaves_the_other_splits_out(tmp_path) -> None:
    press(order("samples=1"), tmp_path, workers=2)
    assert len(store.open(tmp_path).manifest.splits) == 1
    assert store.verify(tmp_path).ok


def test_progress_reaches_the_total(tmp_path) -> None:
    for workers in (1, 2):
        told: list[Progress] = []
        press(order(), tmp_path / str(workers), workers=workers, progress=told.append)
        assert [each.done for each in told] == sorted(each.done for each in told)
        assert (told[0].done, told[-1].done) == (0, SAMPLES)
        assert {each.samples for each in told} == {SAMPLES}


# --- resuming


def test_a_failed_run_goes_on_where_it_stopped(pressed_balls, tmp_path) -> None:
    with pytest.raises(GenerationError, match=r"'spheres' failed at tiny-balls-0000009 \(attempt 0, seed \d+\): ") as e:
        press(order(), tmp_path, Trouble(kind="raise", at=9))
    assert "ZeroDivisionError: no such ball" in str(e.value)
    assert isinstance(e.value.__cause__, ZeroDivisionError)
    told: list[Progress] = []
    run = press(order(), tmp_path, progress=told.append)
    assert 0 < run.made < SAMPLES
    assert told[0].done == SAMPLES - run.made
    assert contents(tmp_path) == contents(pressed_balls)


def test_a_worker_names_the_sample_that_failed(pressed_balls, tmp_path) -> None:
    with pytest.raises(GenerationError, match=r"failed at tiny-balls-0000009 \(attempt 0.*ZeroDivisionError"):
        press(order(), tmp_path, Trouble(kind="raise", at=9), workers=2)
    press(order(), tmp_path, workers=2)
    assert contents(tmp_path) == contents(pressed_balls)


def test_shards_that_were_lost_or_cut_meanwhile_are_made_again(pressed_balls, tmp_path) -> None:
    with pytest.raises(GenerationError):
        press(order(), tmp_path, Trouble(kind="raise", at=13))
    shards = sorted(tmp_path.glob("volumes/train.zarr/image/c.*"))
    shards[0].unlink()
    shards[1].write_bytes(shards[1].read_bytes()[:-1])
    there = committed(tmp_path)
    assert press(order(), tmp_path).made == SAMPLES - there + 4
    assert contents(tmp_path) == contents(pressed_balls)


def test_resumed_when_all_shards_are_there(pressed_balls, tmp_path) -> None:
    """As after a crash between the last shard and the manifest."""
    (tmp_path / "recipe.yaml" / "in the way").mkdir(parents=True)
    (tmp_path / store.WORK_FOLDER).mkdir()
    with pytest.raises(OSError, match=r"recipe\.yaml"):
        press(order(), tmp_path)
    shutil.rmtree(tmp_path / "recipe.yaml")
    assert press(order(), tmp_path, workers=2).made == 0
    assert contents(tmp_path) == contents(pressed_balls)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("seed=8", r"recipe\.yaml has seed: 7 there, seed: 8 ordered"),
        ("samples=15", r"recipe\.yaml has samples: 14 there, samples: 15 ordered"),
        ("conditions.radius_mm=3.5", r"conditions: .* there, .*radius_mm: 3\.5"),
        ("splits={test: 0.3, train: 0.7}", r"splits: {train: 0\.7, test: 0\.3} there, splits: {test"),
    ],
)
def test_another_order_is_refused_and_named(balls, tmp_path, change, said) -> None:
    before = contents(balls)
    with pytest.raises(StoreExistsError, match=said):
        press(order(change), balls)
    assert contents(balls) == before
    unfinished = tmp_path / "unfinished"
    with pytest.raises(GenerationError):
        press(order(), unfinished, Trouble(kind="raise", at=9))
    before = contents(unfinished)
    with pytest.raises(StoreExistsError, match=said):
        press(order(change), unfinished)
    assert contents(unfinished) == before


def test_other_software_is_refused_and_named(balls, tmp_path) -> None:
    class Newer(SpheresBackend):
        def fingerprint(self):
            return {**super().fingerprint(), "backend_version": "2"}

    recipe = order()
    with pytest.raises(GenerationError):
        press(recipe, tmp_path / "unfinished", Trouble(kind="raise", at=9))
    for target in (balls, tmp_path / "unfinished"):
        with pytest.raises(StoreExistsError, match=r"lock\.backend\.backend_version has 1 there, 2 ordered"):
            generate(recipe, target, load=lambda: Newer(recipe.backend.options, recipe.grid))


# --- targets


def test_a_finished_store_is_left_as_it_is(balls) -> None:
    before = {path: path.stat().st_mtime_ns for path in balls.rglob("*")}
    told: list[Progress] = []
    run = press(order(), balls, Trouble(kind="raise", at=0), workers=2, progress=told.append)
    assert run.made == 0
    assert run.manifest == store.open(balls).manifest
    assert {path: path.stat().st_mtime_ns for path in balls.rglob("*")} == before


def test_what_a_crash_after_the_manifest_left_is_cleared(balls, pressed_balls) -> None:
    (balls / store.WORK_FOLDER / "scratch").mkdir(parents=True)
    (balls / store.WORK_FOLDER / "order.json").write_text("{}")
    assert press(order(), balls).made == 0
    assert contents(balls) == contents(pressed_balls)


def test_a_folder_that_holds_something_else_is_refused(tmp_path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StoreExistsError, match="is not empty and holds no run of voxpress; give a folder"):
        press(order(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_is_refused(tmp_path) -> None:
    target = tmp_path / "brains"
    target.write_text("years of work")
    with pytest.raises(StoreExistsError, match="is a file"):
        press(order(), target)
    assert target.read_text() == "years of work"


def test_a_recipe_that_cannot_be_made_leaves_no_folder(tmp_path) -> None:
    with pytest.raises(UnreachableError):
        press(order("conditions.radius_mm=60"), tmp_path / "balls")
    assert not (tmp_path / "balls").exists()


@pytest.mark.parametrize("workers", [0, -1])
def test_at_least_one_worker(tmp_path, workers) -> None:
    with pytest.raises(ValueError, match=f"workers must be at least 1, got {workers}"):
        press(order(), tmp_path / "balls", workers=workers)


# --- samples that are not good enough


def test_rejected_attempts_are_told_and_the_rest_stays(pressed_balls, tmp_path) -> None:
    press(order(FAIL), tmp_path / "one")
    press(order(FAIL), tmp_path / "two", workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert store.verify(tmp_path / "one").problems == ()
    cohort, whole = store.open(tmp_path / "one"), store.open(pressed_balls)
    rows = {row["index"]: row for row in cohort.table.to_pylist()}
    sound = {row["index"]: row for row in whole.table.to_pylist()}
    assert sorted(sound.keys() - rows.keys()) == [6]
    assert {index: row["attempt"] for index, row in rows.items() if row["attempt"]} == {3: 1, 4: 2}
    for index, row in rows.items():
        if index in (3, 4):
            assert row["seed"] != sound[index]["seed"]
            assert row["image_sha256"] != sound[index]["image_sha256"]
            same = ("sample_id", "split", "radius_mm", "tone", "image", "label", "label_sha256")
            assert [row[name] for name in same] == [sound[index][name] for name in same]
        else:
            assert row == sound[index]


def test_six_failures_leave_a_hole(pressed_balls, tmp_path) -> None:
    press(order(FAIL), tmp_path)
    sound = store.open(pressed_balls).where("index == 6").table.to_pylist()[0]
    cohort = store.open(tmp_path)
    [rejected] = cohort.manifest.rejected
    where = (rejected.sample_id, rejected.index, rejected.split, rejected.slot)
    assert where == (sound["sample_id"], 6, sound["split"], sound["image"]["index"])
    assert [each.attempt for each in rejected.attempts] == [0, 1, 2, 3, 4, 5]
    assert len({each.seed for each in rejected.attempts}) == 6
    assert {each.reasons for each in rejected.attempts} == {("TEST_FAULT",)}
    for name in ("image", "label"):
        array = cohort.arrays[f"{rejected.split}/{name}"]
        assert array.attrs["holes"] == [rejected.slot]
        assert not array[rejected.slot].any()


@pytest.mark.parametrize("splits", ["{train: 0.7, test: 0.3}", "{train: 1.0}"])
def test_a_split_that_is_all_holes(tmp_path, splits) -> None:
    recipe = order(f"splits={splits}")
    plan = draw_cohort(recipe, spheres(recipe))
    lost = [index for index in range(SAMPLES) if plan.split_of(index) == recipe_last(recipe)]
    options = ", ".join(f"{index}: 6" for index in lost)
    press(order(f"splits={splits}", f"backend={{name: spheres, fail: {{{options}}}}}"), tmp_path)
    assert store.verify(tmp_path).problems == ()
    cohort = store.open(tmp_path)
    assert len(cohort) == len(cohort.table) == SAMPLES - len(lost)
    assert len(cohort.split(recipe_last(recipe))) == 0
    assert [each.index for each in cohort.manifest.rejected] == lost


def recipe_last(recipe) -> str:
    return list(recipe.splits)[-1]


def test_a_run_that_an_older_format_began_is_refused(tmp_path) -> None:
    """Its records lack the extents of their samples."""
    with pytest.raises(GenerationError):
        press(order(), tmp_path, Trouble(kind="raise", at=9))
    begun = tmp_path / store.WORK_FOLDER / "order.json"
    fields = json.loads(begun.read_bytes())
    assert fields.pop("format_version") == store.FORMAT_VERSION
    begun.write_text(json.dumps(fields))
    with pytest.raises(StoreExistsError, match="format_version has nothing there, 3 ordered"):
        press(order(), tmp_path)


# --- from a generated store to wrong bytes


def test_a_newer_format_is_refused(balls) -> None:
    manifest = balls / "voxpress.json"
    manifest.write_text(manifest.read_text().replace('"format_version": 3', '"format_version": 5'))
    with pytest.raises(FormatError, match="format version 5; this voxpress reads up to 4: upgrade voxpress"):
        store.open(balls)
    with pytest.raises(FormatError, match="upgrade voxpress"):
        press(order(), balls)


@pytest.mark.parametrize("damage", ["cut", "flipped", "missing"])
def test_wrong_bytes_are_never_voxels(balls, damage) -> None:
    cohort = store.open(balls).split("train")
    shard = balls / "volumes/train.zarr/image/c.1.0.0.0"
    data = shard.read_bytes()
    if damage == "missing":
        shard.unlink()
    else:
        shard.write_bytes(data[:-9] if damage == "cut" else data[:40] + bytes([data[40] ^ 1]) + data[41:])
    held = cohort.table["sample_id"].slice(2, 2).to_pylist()
    with pytest.raises(CorruptError) as caught:
        cohort[2]
    assert caught.value.path == "volumes/train.zarr/image/c.1.0.0.0"
    assert list(caught.value.samples) == held
    assert all(sample in str(caught.value) for sample in held)
    assert cohort[0]["sample_id"]
    [problem] = store.verify(balls).problems
    assert (problem.path, list(problem.samples)) == (caught.value.path, held)


# --- the plan


def test_jobs_are_all_rows_once_in_the_order_of_their_slots() -> None:
    recipe = order()
    jobs = plan_jobs(draw_cohort(recipe, spheres(recipe)))
    assert len(jobs) == SHARDS
    assert sorted(row.index for job in jobs for row in job.rows) == list(range(SAMPLES))
    for job in jobs:
        assert [row.slot for row in job.rows] == [2 * job.number + n for n in range(len(job.rows))]


def test_the_table_has_plain_columns(pressed_balls) -> None:
    table = store.open(pressed_balls).table
    assert table.schema.field("radius_mm").type == pa.float64()
    assert table.column_names[:5] == ["sample_id", "index", "split", "radius_mm", "tone"]
