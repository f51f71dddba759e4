"""Reading recipes: what is accepted, what every refusal says, and the canonical text."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxpress.errors import RecipeError
from voxpress.generation.distributions import Choice, Column, Fixed, Normal, Population, Uniform
from voxpress.generation.recipe import (
    default_recipe,
    example_text,
    load_people,
    load_recipe,
    parse_recipe,
    recipe_from,
)
from voxpress.store.strict_yaml import read_mapping

MINIMAL = "name: balls\nsamples: 4\n"


def test_defaults():
    recipe = parse_recipe(MINIMAL)
    assert recipe.version == "1.0.0"
    assert recipe.seed == 0
    assert recipe.backend.name == "atlas"
    assert recipe.image.shape == (160, 224, 160)
    assert recipe.image.spacing_mm == (1.0, 1.0, 1.0)
    assert recipe.image.dtype == "uint8"
    assert dict(recipe.splits) == {"train": 0.8, "validation": 0.1, "test": 0.1}
    assert recipe.shards.samples == 64
    assert recipe.grid.shape == (160, 224, 160)


def test_the_example_parses_and_comes_back():
    recipe = parse_recipe(example_text())
    assert recipe.conditions["age"] == Normal(mean=76, sd=6, min=65, max=90)
    assert recipe.conditions["sex"] == Choice(options=(("F", 0.5), ("M", 0.5)))
    assert recipe.conditions["contrast"] == Fixed(value="T1w")
    assert recipe.conditions["ventricular_volume_ml"] == Population()
    assert parse_recipe(recipe.to_yaml()) == recipe


def test_frozen():
    recipe = default_recipe()
    with pytest.raises(ValueError, match="frozen"):
        recipe.samples = 5


def test_default_recipe_takes_overrides():
    recipe = default_recipe(sets=["age=70:85", "sex=F"], samples=3, seed=9)
    assert (recipe.samples, recipe.seed) == (3, 9)
    assert recipe.conditions == {"age": Uniform(low=70, high=85), "sex": Fixed(value="F")}


def test_backend_as_a_name_or_with_options():
    assert parse_recipe(MINIMAL + "backend: spheres").backend.name == "spheres"
    backend = parse_recipe(MINIMAL + "backend: {name: spheres, fail: {3: 2}, flag: no, x: [1, 2.5]}").backend
    assert backend.name == "spheres"
    assert backend.options == {"fail": {"3": 2}, "flag": False, "x": [1, 2.5]}
    assert parse_recipe(MINIMAL, sets=["backend.x=3"]).backend.to_plain() == {"name": "atlas", "x": 3}


def test_an_empty_field_has_its_default():
    assert parse_recipe(MINIMAL + "conditions:\nsplits:\npeople:\n") == parse_recipe(MINIMAL)


@pytest.mark.parametrize(
    ("text", "path", "must", "got"),
    [
        ("name: Balls", "name", "a-z, 0-9", "'Balls'"),
        ("name: 12", "name", "a name of", "12"),
        ("name: -a", "name", "a name of", "'-a'"),
        ("name: ../a", "name", "a name of", "'../a'"),
        ("version: 1.0", "version", "a semantic version such as 1.0.0", "1.0"),
        ("version: 01.0.0", "version", "a semantic version", "'01.0.0'"),
        ("samples: 0", "samples", "a whole number from 1 to 10000000", "0"),
        ("samples: 10000001", "samples", "a whole number from 1 to 10000000", "10000001"),
        ("samples: 2.0", "samples", "a whole number", "2.0"),
        ("samples: yes", "samples", "a whole number", "true (YAML reads"),
        ("samples: '3'", "samples", "a whole number", "'3'"),
        ("seed: -1", "seed", "a whole number from 0 to 9223372036854775807", "-1"),
        ("seed: 9223372036854775808", "seed", "a whole number from 0", "9223372036854775808"),
        ("seed: 010", "seed", "a whole number", "'010'"),
        ("backend: [atlas]", "backend", "the name of a backend, or a mapping", "['atlas']"),
        ("backend: {name: no}", "backend.name", "the name of a backend, such as atlas", "false (YAML reads"),
        ("backend: {name: a, x: .nan}", "backend.options", "plain data", "nan"),
        ("backend: {name: a, x: {[1]: 2}}", "", "not well-formed YAML", ""),
        ("image: 3", "image", "a mapping of names to values", "3"),
        ("image: {shape: [160, 224]}", "image.shape", "a list of three whole numbers from 8 to 1024", "[160, 224]"),
        ("image: {shape: [7, 8, 8]}", "image.shape", "a list of three whole numbers from 8 to 1024", "[7, 8, 8]"),
        ("image: {shape: [8, 8, 1025]}", "image.shape", "from 8 to 1024", "[8, 8, 1025]"),
        ("image: {spacing_mm: [1, 1, 0]}", "image.spacing_mm", "a list of three numbers above 0", "[1, 1, 0]"),
        ("image: {spacing_mm: [1, 1, .inf]}", "image.spacing_mm", "a list of three numbers above 0", "[1, 1, inf]"),
        ("image: {spacing_mm: [1, 1, yes]}", "image.spacing_mm", "a list of three numbers", "[1, 1, True]"),
        ("image: {dtype: float32}", "image.dtype", "uint8, uint16 or int16", "'float32'"),
        ("image: {dtype: [uint8]}", "image.dtype", "uint8, uint16 or int16", "['uint8']"),
        ("splits: {train: 0.5}", "splits", "fractions that sum to 1", "which sum to 0.5"),
        ("splits: {}", "splits", "fractions that sum to 1", "{}, which sum to 0"),
        ("splits: {train: 1.0, test: 0}", "splits.test", "a fraction above 0", "0"),
        ("splits: {Train: 1.0}", "splits.Train", "a split's name", "'Train'"),
        ("splits: [1.0]", "splits", "a mapping of names to values", "[1.0]"),
        ("shards: {samples: 65537}", "shards.samples", "a whole number from 1 to 65536", "65537"),
        ("people: 3", "people", "a mapping of names to values", "3"),
        ("people: /etc/passwd", "people.path", "a path relative to the recipe's folder", "'/etc/passwd'"),
        ("people: a/../../x.csv", "people.path", "a path relative to the recipe's folder", "'a/../../x.csv'"),
        ("people: 'C:\\x.csv'", "people.path", "a path", "'C:"),
        ("people: {path: a.csv, sha256: 12}", "people.sha256", "64 hexadecimal digits", "12"),
        ("conditions: [age]", "conditions", "a mapping of names to values", "['age']"),
        ("conditions: {Age: 3}", "conditions.Age", "a condition's name", "'Age'"),
        ("conditions: {1: 3}", "conditions.1", "a condition's name", "1"),
    ],
)
def test_a_bad_field_is_named_with_what_it_must_be_and_what_it_got(tmp_path, text, path, must, got):
    fields = "\n".join(line for line in MINIMAL.splitlines() if line.split(":")[0] != text.split(":")[0])
    with pytest.raises(RecipeError) as caught:
        parse_recipe(f"{fields}\n{text}", folder=tmp_path)
    assert f"{path}: must be " in str(caught.value) or not path
    assert must in str(caught.value)
    assert got in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sample: 3", "sample: is not a field here, which are name, version, samples, seed,"),
        ("sample: 3", "did you mean 'samples'?"),
        ("image: {spacing: 1}", "image.spacing: is not a field here, which are shape, spacing_mm, dtype; did you mean"),
        ("shards: {sample: 1}", "shards.sample: is not a field here, which are samples; did you mean 'samples'?"),
    ],
)
def test_an_unknown_field_is_told_with_those_that_exist(text, said):
    with pytest.raises(RecipeError) as caught:
        parse_recipe(MINIMAL + text)
    assert said in str(caught.value)


def test_all_problems_at_once_one_line_each():
    with pytest.raises(RecipeError) as caught:
        parse_recipe("name: A\nsamples: 0\nimage: {shape: 1, dtype: x}\nsplits: {train: 2}\n", source="a.yaml")
    lines = str(caught.value).splitlines()
    assert lines[0] == "a.yaml has 5 problems:"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "name",
        "samples",
        "image.shape",
        "image.dtype",
        "splits",
    ]


@pytest.mark.parametrize("missing", ["name", "samples"])
def test_required_fields(missing):
    fields = {"name": "a", "samples": 3}
    del fields[missing]
    with pytest.raises(RecipeError, match=f"{missing}: must be given"):
        recipe_from(fields)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: a\nseed: 1\nseed: 2", "line 3, column 1: the key 'seed' is given twice"),
        ("conditions:\n  age: 1\n  sex: F\n  age: 2", "line 4, column 3: the key 'age' is given twice"),
        ("a: {x: 1, x: 1}", "the key 'x' is given twice"),
        ("a: &x 1\nb: *x", "line 2, column 4: aliases"),
        ("name: [", "line 1"),
        ("a: !!python/object/apply:os.system [x]", "could not determine a constructor"),
        ("--- 1\n--- 2", "expected a single document in the stream: but found another document"),
        ("- 1", "must be a YAML mapping of fields (name: …, samples: …), got list"),
        ("", "must be a YAML mapping of fields"),
        ("a: " + "[" * 100, "nested more than 20 deep"),
        ("seed: " + "9" * 5000, "not well-formed YAML"),
        ("a: \x00", "not well-formed YAML"),
        ("#" * (1 << 20) + "\n", "must be at most 1048576 bytes of YAML, got 1048577"),
    ],
)
def test_yaml_that_is_refused(text, said):
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20:50", "20:50"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("2024-01-01", "2024-01-01"),
        ("1e5", 1e5),
        ("-1.5e-3", -1.5e-3),
        ("F", "F"),
        ("N", "N"),
        ("y", "y"),
        ("no", False),
        ("'no'", "no"),
        ("~", None),
    ],
)
def test_scalars_are_read_as_people_write_them(text, value):
    read = read_mapping(f"a: {text}")["a"]
    assert read == value
    assert type(read) is type(value)


def test_load_names_the_file(tmp_path):
    with pytest.raises(RecipeError, match=r"absent\.yaml cannot be read: No such file"):
        load_recipe(tmp_path / "absent.yaml")
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(tmp_path)
    bad = tmp_path / "bad.yaml"
    bad.write_bytes(b"name: \xff")
    with pytest.raises(RecipeError, match="must be UTF-8 text, got byte 0xff at offset 6"):
        load_recipe(bad)
    bad.write_bytes(b"#\xff" * (1 << 20))
    with pytest.raises(RecipeError, match="must be at most 1048576 bytes"):
        load_recipe(bad)
    bad.write_bytes(b"\xef\xbb\xbfname: X\nsamples: 3")
    with pytest.raises(RecipeError, match=r"bad\.yaml has 1 problem:\n  name: must be"):
        load_recipe(bad)


def test_the_people_file_gives_its_digest_and_the_number_of_samples(tmp_path):
    data = b"age\n70\n71\n72\n"
    (tmp_path / "people.csv").write_bytes(data)
    (tmp_path / "a.yaml").write_text("name: a\npeople: people.csv\n")
    recipe = load_recipe(tmp_path / "a.yaml")
    assert recipe.samples == 3
    assert recipe.people.sha256 == hashlib.sha256(data).hexdigest()
    assert parse_recipe(recipe.to_yaml(), folder=tmp_path) == recipe
    assert parse_recipe(recipe.to_yaml()) == recipe
    assert load_people(recipe, tmp_path).rows == 3
    assert load_recipe(tmp_path / "a.yaml", samples=2).samples == 2

    (tmp_path / "people.csv").write_bytes(data + b"73\n")
    with pytest.raises(
        RecipeError, match=r"people\.sha256: must be the SHA-256 of people\.csv, which is .*not the one"
    ):
        load_people(recipe, tmp_path)
    with pytest.raises(RecipeError, match=r"has 1 problem:\n  people\.sha256: must be"):
        parse_recipe(recipe.to_yaml(), folder=tmp_path)
    assert load_recipe(tmp_path / "a.yaml").digest != recipe.digest


def test_people_problems_stand_beside_the_others(tmp_path):
    with pytest.raises(RecipeError) as caught:
        parse_recipe("name: A\npeople: absent.csv\n", folder=tmp_path)
    assert len(str(caught.value).splitlines()) == 3
    assert "people: the people file" in str(caught.value)
    with pytest.raises(RecipeError, match="people: must be looked for in a folder"):
        parse_recipe("name: a\npeople: people.csv\n")


def test_the_digest_is_of_what_decides_the_samples(tmp_path):
    base = parse_recipe(MINIMAL + "conditions: {tone: {choice: {a: 1, b: 1}}}")
    assert len(base.digest) == 64
    assert base.replaced(version="2.0.0").digest == base.digest
    assert parse_recipe(base.to_yaml()).digest == base.digest
    for change in ("name=other", "samples=5", "seed=1", "image.dtype=int16", "shards.samples=8", "tone=b,a", "tone=a"):
        assert parse_recipe(base.to_yaml(), sets=[change]).digest != base.digest, change
    assert parse_recipe(MINIMAL + "splits: {a: 0.5, b: 0.5}").digest != (
        parse_recipe(MINIMAL + "splits: {b: 0.5, a: 0.5}").digest
    )


def test_the_digest_is_pinned():
    text = "name: pinned\nsamples: 3\nseed: 7\nbackend: {name: b, x: 1}\n"
    text += "conditions: {age: {range: [70, 90]}, sex: {choice: {F: 2, M: 1}}}\n"
    assert parse_recipe(text).digest == "7c4a41478865bd360d5fb9edbc0a76d509eb232e70f43412794eb72ddbd78d41"


def test_one_condition_may_be_written_in_several_ways():
    one = parse_recipe(MINIMAL + "conditions: {age: 70, b: {choice: [x, y]}, c: 0.0}")
    other = parse_recipe(MINIMAL + "conditions: {b: {choice: {x: 1.0, y: 1}}, c: -0.0, age: 70.0}")
    assert one == other
    assert one.digest == other.digest


def test_replaced_validates():
    assert default_recipe().replaced(samples=3).samples == 3
    with pytest.raises(RecipeError, match="samples: must be a whole number"):
        default_recipe().replaced(samples=0)


names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(str.strip)
numbers = st.floats(allow_nan=False, allow_infinity=False)
values = names | numbers
weights = st.floats(min_value=0.01, max_value=100)
distributions = st.one_of(
    values,
    st.just("population"),
    st.dictionaries(values, weights, min_size=1, max_size=4).map(lambda choice: {"choice": choice}),
    st.lists(numbers, min_size=2, max_size=2).map(lambda ends: {"range": sorted(ends)}),
    st.tuples(numbers, weights).map(lambda pair: {"normal": {"mean": pair[0], "sd": pair[1]}}),
    names.map(lambda column: {"column": column}),
)


@given(
    st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,7}", fullmatch=True), distributions, max_size=3),
    st.recursive(values | st.booleans() | st.none(), lambda inner: st.lists(inner, max_size=2), max_leaves=3),
)
def test_every_recipe_comes_back_from_its_text(conditions, option):
    recipe = recipe_from(
        {"name": "a", "samples": 1, "conditions": conditions, "backend": {"name": "b", "option": option}}
    )
    again = parse_recipe(recipe.to_yaml())
    assert again == recipe
    assert again.digest == recipe.digest


def test_importing_voxpress_does_not_import_pydantic():
    code = "import sys, voxpress, voxpress.generation, voxpress.generation.backend; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_columns():
    assert parse_recipe(MINIMAL + "conditions: {age: {column: years}}").conditions["age"] == Column(column="years")


@pytest.mark.parametrize(
    ("image", "shape", "spacing_mm"),
    [
        ("{}", (160, 224, 160), (1.0, 1.0, 1.0)),
        ("{shape: [80, 112, 80]}", (80, 112, 80), (2.0, 2.0, 2.0)),
        ("{shape: [64, 64, 64]}", (64, 64, 64), (3.5, 3.5, 3.5)),
        ("{spacing_mm: [2, 2, 4]}", (80, 112, 40), (2.0, 2.0, 4.0)),
        ("{shape: [80, 112, 80], spacing_mm: [1, 1, 1]}", (80, 112, 80), (1.0, 1.0, 1.0)),
    ],
)
def test_shape_or_spacing_alone_keeps_the_field_of_view(image, shape, spacing_mm):
    recipe = parse_recipe(f"name: a\nsamples: 1\nimage: {image}")
    assert (recipe.image.shape, recipe.image.spacing_mm) == (shape, spacing_mm)
    assert parse_recipe(recipe.to_yaml()) == recipe
