"""What trains models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .kinds import command, natural, positive

if TYPE_CHECKING:
    from .kinds import Commands

__all__ = ["add"]

_PLAN = """\
changes of the plan with --set NAME=VALUE, as often as needed:
  --set generator.steps=20000          longer training
  --set autoencoder.channels=64,64,64  other networks
  --set precision=bf16                 mixed precision
docs/training.md names all fields; --plan FILE.yaml holds many of them."""


def add(commands: Commands) -> None:
    """Adds these commands."""
    text = (
        "Trains a model on your own scans, or on a data set.\n\n"
        "What comes out is a folder that generates: backend: {name: trained, weights: DIR}.\n"
        "Stopped at any time, the same command goes on from what is there. On several GPUs: accelerate launch -m\n"
        "voxpress.cli train ….\n\n"
        "NIfTI files are imported into DIR-data first; they are scans of people and stay there."
    )
    parser = command(commands, "train", text, _PLAN)
    source = "a data set (folder, URL, org/name), or a folder of NIfTI files"
    parser.add_argument("source", metavar="SOURCE", help=source)
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="folder of the model")
    table = "one row a NIfTI file: CSV, TSV or Parquet, as for `voxpress import`"
    parser.add_argument("--table", metavar="FILE", help=table)
    grid = "that NIfTI files are brought to, such as 96,112,96@2,2,2, as for `voxpress import`"
    parser.add_argument("--grid", default="", metavar="GRID", help=grid)
    key = "column of the table that names the files, as for `voxpress import`"
    parser.add_argument("--key", default="", metavar="COLUMN", help=key)
    conditions = "columns that the model is given, such as age,sex,diagnosis; by default all that vary"
    parser.add_argument("--conditions", metavar="A,B", help=conditions)
    preset = "networks and steps to start from: small, medium, large; by default chosen by the size of the volumes"
    parser.add_argument("--preset", default="auto", metavar="NAME", help=preset)
    parser.add_argument("--plan", metavar="FILE.yaml", help="fields of the plan, in place of the preset's")
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="NAME=VALUE", help="see below")
    parser.add_argument("--name", metavar="NAME", help="of the model; by default that of DIR")
    parser.add_argument("--seed", type=natural, metavar="N", help="of all randomness (default 0)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), help="that trains (default auto)")
    licence = "of the weights, an SPDX identifier; without it: none is named, not for commercial use"
    parser.add_argument("--licence", metavar="ID", help=licence)
    sweep = "train many models instead, as this file says, and rank them; needs voxpress[ray]"
    parser.add_argument("--sweep", metavar="FILE.yaml", help=sweep)
    address = "of a Ray cluster for --sweep, HOST:PORT of its head; by default this machine alone"
    parser.add_argument("--address", metavar="ADDRESS", help=address)
    parser.add_argument("--tensorboard", action="store_true", help="also log to DIR/logs/tensorboard")
    parser.add_argument("--workers", type=positive, metavar="N", help="processes of the import; by default one a CPU")
