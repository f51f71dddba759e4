"""NIfTI files: found in folders, read into RAS+ without resampling, and written with the mark of what they are.

nibabel is imported only when a file is touched.
"""

from __future__ import annotations

from .finding import FoundScan, find_scans, is_bids, scan_name
from .reading import Scan, ScanHeader, read_scan, read_scan_header
from .writing import NiftiMarks, nifti_bytes, write_nifti

__all__ = [
    "FoundScan",
    "NiftiMarks",
    "Scan",
    "ScanHeader",
    "find_scans",
    "is_bids",
    "nifti_bytes",
    "read_scan",
    "read_scan_header",
    "scan_name",
    "write_nifti",
]
