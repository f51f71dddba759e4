"""What takes data sets from one place to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .kinds import command, positive

if TYPE_CHECKING:
    from .kinds import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Adds these commands."""
    _publish(commands)
    _fetch(commands)
    _import(commands)
    _export(commands)


def _publish(commands: Commands) -> None:
    text = (
        "Publishes a data set as an immutable version.\n\n"
        "Readers see the versions before, or this one whole. Stopped at any time, the same command goes on from what "
        "is\nthere; a version that is there is never changed."
    )
    parser = command(commands, "publish", text)
    parser.add_argument("path", metavar="PATH", help="folder of the data set, or of several (a collection)")
    target = "org/name on the Hugging Face Hub, a folder of versions (./DIR, /DIR), or s3://, gs:// or az://"
    parser.add_argument("target", metavar="TARGET", help=target)
    parser.add_argument("--tag", metavar="TAG", help="name of the version; by default v1.0.0 for version 1.0.0")
    parser.add_argument("--private", action="store_true", help="make the repository on the Hub private, if it is new")
    parser.add_argument("--token", help="for the Hub; by default HF_TOKEN or the login (other people may see this one)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be sent, and write nothing there")
    override = "publish though the quality gate does not let it pass; the reason is written on the card for everybody"
    parser.add_argument("--override", metavar="REASON", help=override)
    consent = "the data set holds scans of real people, who have agreed that it is published"
    parser.add_argument("--real-data-consent", action="store_true", help=consent)


def _fetch(commands: Commands) -> None:
    text = (
        "Downloads a data set, or the samples of it that are asked for.\n\n"
        "What comes is a data set of its own. Stopped at any time, the same command goes on from what is there."
    )
    parser = command(commands, "fetch", text)
    source = "org/name or org/name@v1.0.0 on the Hub, a URL, or a folder"
    parser.add_argument("source", metavar="SOURCE", help=source)
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="folder of the copy")
    parser.add_argument("--where", metavar="EXPR", help="only samples for which this is true")
    parser.add_argument("--splits", metavar="NAME,NAME", help="only these splits")
    parser.add_argument("--config", metavar="NAME", help="which data set of a collection; by default all")
    parser.add_argument("--transfers", type=positive, default=8, metavar="N", help="files at a time (default 8)")


def _import(commands: Commands) -> None:
    text = (
        "Makes a data set of NIfTI files and a table.\n\n"
        "Axes are brought to RAS+ by permuting and flipping; nothing is resampled unless --grid asks for it. Stopped "
        "at any\ntime, or after a file was mended, the same command goes on from what is there."
    )
    parser = command(commands, "import", text)
    parser.add_argument("folder", metavar="DIR", help="folder of .nii and .nii.gz files, or a BIDS data set")
    parser.add_argument("-o", "--output", required=True, metavar="STORE", help="folder of the data set")
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--synthetic", action="store_true", help="the scans show no real person")
    kind.add_argument("--real", action="store_true", help="they do, and everything made of the data set says so")
    who = parser.add_argument_group("who is on the scans")
    table = "CSV, TSV or Parquet; by default participants.tsv of a BIDS data set"
    who.add_argument("--table", metavar="FILE", help=table)
    key = "which column of it names the files: by path below DIR, by name without ending, or by BIDS subject"
    who.add_argument("--key", default="", metavar="COLUMN", help=key)
    columns = "conditions, by default all columns; NAME=COLUMN renames one"
    who.add_argument("--columns", default="", metavar="age,sex,NAME=COLUMN", help=columns)
    split = "column with the names of splits, or fractions, by which whole subjects are dealt"
    who.add_argument("--split", default="", metavar="COLUMN|train=0.8,test=0.2", help=split)
    who.add_argument(
        "--skip-unmatched", action="store_true", help="leave out files without a row and rows without a file"
    )
    files = parser.add_argument_group("which files")
    files.add_argument("--files", default="", metavar="GLOB", help="only these, such as '*/anat/*_T1w.nii.gz'")
    files.add_argument("--suffix", default="", metavar="T1w", help="only BIDS names that end so")
    labels = "these are label maps: of the same BIDS subject, or with the name of the image and more, as in 7_seg"
    files.add_argument("--labels", default="", metavar="GLOB", help=labels)
    files.add_argument("--label-names", metavar="FILE", help="table with the columns index and name")
    form = "which counts, where the two affines of a file differ"
    files.add_argument("--affine", choices=("agreed", "sform", "qform"), default="agreed", help=form)
    files.add_argument("--skip-bad", action="store_true", help="leave out files that cannot be read")
    voxels = parser.add_argument_group("how they are stored")
    grid = "resample to this grid: voxels and mm, or the folder of a data set"
    voxels.add_argument("--grid", default="", metavar="160,224,160@1,1,1", help=grid)
    dtype = "by default what keeps integers as they are, and 16 bits for floats"
    voxels.add_argument("--dtype", choices=("uint8", "int16", "uint16"), default="", help=dtype)
    window = "values that are told apart; by default all integers, and floats up to a 99.9th percentile"
    voxels.add_argument("--window", default="", metavar="LOW,HIGH|percentiles", help=window)
    background = "value outside the body, which is stored as 0; by default 0, or LOW"
    voxels.add_argument("--background", type=float, metavar="VALUE", help=background)
    voxels.add_argument("--unit", default="", help="of the values, such as HU")
    voxels.add_argument("--shard-samples", type=positive, default=64, metavar="N", help="in one file (default 64)")
    named = parser.add_argument_group("what it is called")
    named.add_argument("--name", default="", help="of the data set; by default that of its folder")
    named.add_argument("--version", default="1.0.0", metavar="X.Y.Z", help="of it (default 1.0.0)")
    source_type = "IPTC's term for where synthetic scans come from, a URL; by default what their files say"
    named.add_argument("--digital-source-type", default="", metavar="URL", help=source_type)
    parser.add_argument("--workers", type=positive, metavar="N", help="processes; by default one a CPU")


def _export(commands: Commands) -> None:
    text = (
        "Writes samples as NIfTI files.\n\n"
        "With the stored integers, their scale and their affine; each file says whether it is synthetic. Stopped at "
        "any time,\nthe same command goes on from what is there."
    )
    parser = command(commands, "export", text)
    parser.add_argument("source", metavar="SOURCE", help="folder of the data set, its URL, or org/name@v1.0.0")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="folder of the files")
    layout = "a plain folder with samples.csv and samples.parquet (default), or a BIDS derivative data set"
    parser.add_argument("--format", dest="layout", choices=("nifti", "bids"), default="nifti", help=layout)
    parser.add_argument("--where", metavar="EXPR", help="only samples for which this is true")
    parser.add_argument("--split", metavar="NAME", help="only samples of this split")
    parser.add_argument("--rows", metavar="0,3,7", help="only these rows (of those that --where and --split leave)")
    suffix = "of images in BIDS; by default what the condition contrast says"
    parser.add_argument("--suffix", default="", metavar="T1w", help=suffix)
    parser.add_argument("--workers", type=positive, metavar="N", help="processes; by default one a CPU")
