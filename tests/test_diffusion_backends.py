"""Scaled-down models of both families: the contract, whole data sets, and what goes wrong on the way."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tiny_diffusion as tiny
import torch
from safetensors import safe_open
from tiny_factory import contents

pytest.register_assert_rewrite("conformance")

from conformance import BackendConformance, digest, recipe_for  # noqa: E402

import voxpress  # noqa: E402
from voxpress.errors import GenerationError, RecipeError  # noqa: E402
from voxpress.generation.backend import Order  # noqa: E402
from voxpress.generation.backends.diffusion import latent_files, loading, self_test  # noqa: E402
from voxpress.generation.backends.diffusion.device import out_of_memory  # noqa: E402
from voxpress.generation.backends.diffusion.fast import fused_norm  # noqa: E402
from voxpress.generation.backends.diffusion.fast.quantise import from_lattice  # noqa: E402
from voxpress.generation.cohort import draw_cohort  # noqa: E402
from voxpress.generation.factory import generate  # noqa: E402
from voxpress.generation.recipe import recipe_from  # noqa: E402
from voxpress.generation.regenerate import regenerate  # noqa: E402

model = tiny.model


@pytest.mark.timeout(120)
class TestLdm(BackendConformance):
    load = tiny.Lazy("ldm", micro_batch=2)


@pytest.mark.timeout(120)
class TestNvRflow(BackendConformance):
    load = tiny.Lazy("nv-rflow", micro_batch=3)


def orders(backend, count=3):
    plan = draw_cohort(recipe_for(backend), backend)
    return [plan.order(index) for index in range(count)]


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_sample_does_not_see_its_neighbours(family) -> None:
    backend = tiny.backend(family, str(model(family)), micro_batch=4)
    wanted = orders(backend, 7)
    made = [digest(sample) for sample in backend.generate(wanted)]
    shuffled = [4, 0, 6, 2, 5, 1, 3]
    assert [digest(sample) for sample in backend.generate([wanted[i] for i in shuffled])] == [made[i] for i in shuffled]
    assert len(set(made)) == 7


def test_conditions_and_seeds_matter() -> None:
    backend = tiny.backend("ldm", str(model("ldm")))
    (one,) = orders(backend, 1)
    other = {"age": 81.0, "sex": "F" if one.conditions["sex"] == "M" else "M"}
    changes = [{}, {"seed": one.seed + 1}]
    changes += [{"conditions": {**one.conditions, name: value}} for name, value in other.items()]
    made = [backend.generate([dataclasses.replace(one, **change)])[0].volumes["image"] for change in changes]
    assert all(np.abs(image - made[0]).max() > 1e-3 for image in made[1:])


def test_the_fast_path_makes_the_image_of_the_plain_one() -> None:
    for family in tiny.FAMILIES:
        fast, plain = (tiny.backend(family, str(model(family)), path=path, micro_batch=2) for path in ("fast", "plain"))
        assert fast.fingerprint() != plain.fingerprint()
        images = [backend.generate(orders(backend, 1))[0].volumes["image"] for backend in (fast, plain)]
        spread = np.ptp(images[0])
        assert np.abs(images[0] - images[1]).max() < 0.01 * spread


def test_low_precision_is_close() -> None:
    for family in tiny.FAMILIES:
        low, full = (tiny.backend(family, str(model(family)), precision=each) for each in ("bf16", "fp32"))
        images = [backend.generate(orders(backend, 1))[0].volumes["image"] for backend in (low, full)]
        assert low.fingerprint()["precision"] == "bf16"
        assert np.corrcoef(images[0].ravel(), images[1].ravel())[0, 1] > 0.98


def test_the_fingerprint_tells_all_that_decides_bits() -> None:
    folder = str(model("ldm"))
    base = dict(tiny.backend("ldm", folder).fingerprint())
    assert base["solver_times"] == "750>500 500>250 250>0 0>-1"
    assert base["weights_licence"] == "apache-2.0"
    assert base["weights_commercial_use"] == "yes"
    assert base["findings_by_design"] == "FOV_CUT"
    changes = {
        "micro_batch": {"micro_batch": 2},
        "path": {"path": "plain"},
        "solver": {"preset": "dpmpp2m-4"},
        "threads": {"threads": 2},
        "extrapolate": {"extrapolate": True},
    }
    for field, options in changes.items():
        assert dict(tiny.backend("ldm", folder, **options).fingerprint())[field] != base[field]


def test_other_weights_are_told_by_their_digest(tmp_path) -> None:
    tiny.write_model(tmp_path, "ldm")
    before = tiny.backend("ldm", str(tmp_path)).fingerprint()
    path = tmp_path / "models" / "unet.pt"
    torch.save({name: value * 1.01 for name, value in torch.load(path).items()}, path)
    loading._kept.clear()
    after = tiny.backend("ldm", str(tmp_path)).fingerprint()
    differing = {name for name in before if before[name] != after[name]}
    assert differing == {"weights_unet_sha256"}


# --- whole data sets


def recipe_of(family, **options):
    named = {"name": family, "model": str(model(family) / "card.json"), "weights": str(model(family)), **options}
    fields = {"name": f"tiny-{family}", "samples": 5, "shards": {"samples": 3}, "splits": {"train": 1}}
    return recipe_from({**fields, "backend": named, "image": {"shape": tiny.SHAPE, "spacing_mm": [2, 2, 2]}})


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_data_set(tmp_path, family) -> None:
    load = tiny.load_of(family, model(family), micro_batch=2)
    backend = load()
    recipe = recipe_of(family, micro_batch=2)
    run = generate(recipe, tmp_path / "one", load=load)
    assert run.manifest.rejected == ()
    assert run.manifest.lock["backend"]["weights_unet_sha256"] == backend.fingerprint()["weights_unet_sha256"]
    cohort = voxpress.open(tmp_path / "one")
    assert len(cohort) == 5
    assert cohort[2]["image"].shape == tiny.SHAPE
    conditions = [condition.name for condition in backend.conditions]
    row = next(row for row in cohort.table.to_pylist() if row["index"] == 1)
    order = Order(index=1, attempt=row["attempt"], seed=row["seed"], conditions={n: row[n] for n in conditions})
    assert row["measured_foreground_volume_ml"] == backend.generate([order])[0].measured["foreground_volume_ml"]
    generate(recipe, tmp_path / "two", load=load)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    again = regenerate(tmp_path / "one", load=load, workers=1)
    assert again.level == "exact"


# --- what goes wrong


def test_weights_that_are_nowhere(tmp_path) -> None:
    for weights, said in (
        (str(tmp_path / "none"), "must be the folder of the model's bundle"),
        (str(tmp_path), r"holds no weights of the autoencoder, called models/autoencoder.pt"),
    ):
        with pytest.raises(RecipeError, match=said):
            tiny.backend("ldm", str(model("ldm")), weights=weights).fingerprint()


def test_weights_that_are_not_the_pinned_ones() -> None:
    folder = str(model("ldm"))
    own = tiny.backend("ldm", folder).fingerprint()["weights_unet_sha256"]
    tiny.backend("ldm", folder, sha256={"unet": own}).fingerprint()
    with pytest.raises(GenerationError, match=r"its sha256 must be 0{64}, is"):
        tiny.backend("ldm", folder, sha256={"unet": "0" * 64}).fingerprint()


def test_damaged_weights_end_a_run_before_it_begins(tmp_path) -> None:
    tiny.write_model(tmp_path / "model", "ldm")
    path = tmp_path / "model" / "models" / "unet.pt"
    path.write_bytes(path.read_bytes()[:5000])
    load = tiny.load_of("ldm", tmp_path / "model")
    with pytest.raises(GenerationError, match="cut off or damaged"):
        generate(recipe_of("ldm"), tmp_path / "store", load=load)
    assert not (tmp_path / "store" / "voxpress.json").exists()


def test_a_checkpoint_without_its_scale_factor(tmp_path) -> None:
    tiny.write_model(tmp_path, "nv-rflow")
    path = tmp_path / "models" / "unet.pt"
    torch.save(torch.load(path)["unet_state_dict"], path)
    with pytest.raises(RecipeError, match="must hold a scale_factor"):
        tiny.backend("nv-rflow", str(tmp_path)).fingerprint()


def test_a_device_that_is_not_there() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(RecipeError, match="this machine has 0 CUDA devices"):
        tiny.backend("ldm", str(model("ldm")), device="cuda").fingerprint()


def test_want_of_memory_says_what_to_do() -> None:
    """The allocator really fails: nobody has four petabytes."""
    with pytest.raises(GenerationError, match=r"set backend\.micro_batch to 8"), out_of_memory(torch.device("cpu"), 16):
        torch.empty(2**50)
    with pytest.raises(GenerationError, match="take a larger device"), out_of_memory(torch.device("cpu"), 1):
        torch.empty(2**50)
    with pytest.raises(RuntimeError, match="size"), out_of_memory(torch.device("cpu"), 2):
        torch.zeros(2) + torch.zeros(3)


def test_a_model_that_gives_no_numbers(tmp_path) -> None:
    tiny.write_model(tmp_path, "ldm")
    path = tmp_path / "models" / "autoencoder.pt"
    tensors = torch.load(path)
    tensors["post_quant_conv.conv.bias"][:] = torch.nan
    torch.save(tensors, path)
    backend = tiny.backend("ldm", str(tmp_path), path="plain")
    (sample,) = backend.generate(orders(backend, 1))
    assert sample.faults == ("NONFINITE",)
    assert np.isfinite(sample.volumes["image"]).all()


def test_a_fast_path_that_is_wrong_is_found_and_not_used(monkeypatch) -> None:
    folder = str(model("ldm"))
    wanted = tiny.backend("ldm", folder, path="plain")
    image = wanted.generate(orders(wanted, 1))[0].volumes["image"]
    loading._kept.clear()
    right = fused_norm.FusedNorm.forward
    monkeypatch.setattr(fused_norm.FusedNorm, "forward", lambda self, x, added=None: right(self, x, added) * 1.1)
    backend = tiny.backend("ldm", folder, precision="bf16")
    with pytest.warns(RuntimeWarning, match="the plain float32 networks are used"):
        fingerprint = backend.fingerprint()
    assert (fingerprint["path"], fingerprint["precision"]) == ("plain", "fp32")
    assert np.array_equal(backend.generate(orders(backend, 1))[0].volumes["image"], image)
    loading._kept.clear()


def test_slots_that_see_each_other_are_found_and_not_used(monkeypatch) -> None:
    folder = str(model("ldm"))
    alone = tiny.backend("ldm", folder, micro_batch=1)
    wanted = [digest(sample) for sample in alone.generate(orders(alone))]
    loading._kept.clear()
    right = fused_norm.FusedNorm.forward
    # a kernel that adds a millionth of the first slot to all others
    monkeypatch.setattr(
        fused_norm.FusedNorm,
        "forward",
        lambda s, x, added=None: right(s, x, added) + (1e-6 * x[:1] if len(x) > 1 else 0),
    )
    backend = tiny.backend("ldm", folder, micro_batch=2)
    with pytest.warns(RuntimeWarning, match="depends on its neighbours in a batch of 2"):
        assert backend.fingerprint()["micro_batch"] == "1"
    assert [digest(sample) for sample in backend.generate(orders(backend))] == wanted
    loading._kept.clear()


def test_a_slot_in_the_middle_that_is_another_is_found(monkeypatch) -> None:
    right = fused_norm.FusedNorm.forward

    def rounds_the_second_of_three(norm, x, added=None):
        values = right(norm, x, added)
        if len(values) == 3:
            values[1] += 1e-6
        return values

    monkeypatch.setattr(fused_norm.FusedNorm, "forward", rounds_the_second_of_three)
    loading._kept.clear()
    with pytest.warns(RuntimeWarning, match="depends on its neighbours in a batch of 3"):
        assert tiny.backend("ldm", str(model("ldm")), micro_batch=3).fingerprint()["micro_batch"] == "1"
    loading._kept.clear()


def test_errors_of_the_self_test_are_small_here() -> None:
    for family in tiny.FAMILIES:
        for precision in ("fp32", "bf16"):
            loaded = loading.load_engine(tiny.backend(family, str(model(family)), precision=precision)._plan())
            plain = loading.load_engine(tiny.backend(family, str(model(family)), path="plain")._plan())
            conditions = orders(tiny.backend(family, str(model(family))), 1)[0].conditions
            with torch.inference_mode():
                found = self_test.compare_engines(loaded.engine, plain.engine, conditions)
            assert found.within(self_test.TOLERANCE[precision] / 3)


def test_orders_of_one_seed_share_their_noise_only() -> None:
    backend = tiny.backend("ldm", str(model("ldm")), micro_batch=2)
    (one,) = orders(backend, 1)
    other = Order(index=9, attempt=3, seed=one.seed, conditions=one.conditions)
    assert digest(backend.generate([one])[0]) == digest(backend.generate([other])[0])


def test_latents_are_kept_where_somebody_asks_for_them(tmp_path, monkeypatch) -> None:
    backend = tiny.backend("ldm", str(model("ldm")), micro_batch=2)
    wanted = orders(backend)
    made = [digest(sample) for sample in backend.generate(wanted)]
    monkeypatch.setenv(latent_files.VARIABLE, str(tmp_path / "latents"))
    samples = backend.generate(wanted)
    assert [digest(sample) for sample in samples] == made
    assert sorted(path.name for path in (tmp_path / "latents").iterdir()) == sorted(
        f"{order.seed}.safetensors" for order in wanted
    )
    with safe_open(tmp_path / "latents" / f"{wanted[1].seed}.safetensors", "pt") as file:
        assert file.metadata() == {"model": backend.card.name, "index": "1", "attempt": "0"}
        latent = file.get_tensor("latent")
    engine = loading.load_engine(backend._plan()).engine
    steps, _ = engine.lattice(latent[None].expand(engine.decode_batch, *latent.shape))
    assert np.array_equal(from_lattice(steps[0].numpy(), backend.card.image), samples[1].volumes["image"])
