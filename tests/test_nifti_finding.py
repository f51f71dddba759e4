"""Which files of a folder are scans, and whom they show."""

from __future__ import annotations

import pytest

from voxpress.errors import FormatError, StoreNotFoundError
from voxpress.store.nifti import find_scans, scan_name

BIDS = [
    "sub-02/ses-b/anat/sub-02_ses-b_T1w.nii.gz",
    "sub-02/ses-a/anat/sub-02_ses-a_T1w.nii.gz",
    "sub-01/ses-a/anat/sub-01_ses-a_run-1_T1w.nii.gz",
    "sub-01/ses-a/anat/sub-01_ses-a_FLAIR.nii.gz",
    "sub-01/ses-a/anat/.sub-01_ses-a_T2w.nii.gz",
    "derivatives/masks/sub-01/ses-a/anat/sub-01_ses-a_desc-brain_T1w.nii.gz",
    "sub-01/ses-a/anat/sub-01_ses-a_T1w.json",
]


@pytest.fixture
def bids(tmp_path):
    for path in BIDS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    return tmp_path


def test_scans_of_a_bids_folder_in_order(bids) -> None:
    found = find_scans(bids, suffix="T1w")
    assert [(scan.subject, scan.session, scan.name) for scan in found] == [
        ("01", "a", "sub-01_ses-a_run-1_T1w"),
        ("02", "a", "sub-02_ses-a_T1w"),
        ("02", "b", "sub-02_ses-b_T1w"),
    ]
    assert [scan.suffix for scan in find_scans(bids)] == ["FLAIR", "T1w", "T1w", "T1w"]
    assert len(find_scans(bids, derivatives=True)) == 5


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("*/*/anat/*_T1w.nii.gz", 3),
        ("**/*_T1w.nii.gz", 4),
        ("derivatives/**/*.nii.gz", 1),
        ("sub-0?/ses-a/*/*.nii.gz", 3),
    ],
)
def test_patterns(bids, pattern, count) -> None:
    assert len(find_scans(bids, pattern=pattern)) == count


def test_a_plain_folder_sorts_by_path_and_follows_no_link_to_a_folder(tmp_path) -> None:
    for path in ("b.nii", "a/z.nii.gz", "a/y.nii", "a.nii.gz", "c.txt"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "link.nii").symlink_to(tmp_path / "b.nii")
    assert [scan.relative for scan in find_scans(tmp_path)] == [
        "a/y.nii",
        "a/z.nii.gz",
        "a.nii.gz",
        "b.nii",
        "link.nii",
    ]


def test_what_is_not_found_is_told(bids, tmp_path_factory) -> None:
    with pytest.raises(FormatError, match=r"none has the suffix 'T2w'.*their suffixes are FLAIR, T1w"):
        find_scans(bids, suffix="T2w")
    with pytest.raises(FormatError, match=r"none matches 'x/\*.nii'"):
        find_scans(bids, pattern="x/*.nii")
    with pytest.raises(FormatError, match=r"holds no .nii or .nii.gz file"):
        find_scans(tmp_path_factory.mktemp("empty"))
    with pytest.raises(StoreNotFoundError, match="there is no folder"):
        find_scans(bids / "nothing")


def test_names() -> None:
    assert scan_name("a/b.c.nii.gz") == "b.c"
    assert scan_name("a/b.nii") == "b"
    assert scan_name("a/b.nii.bz2") is None
