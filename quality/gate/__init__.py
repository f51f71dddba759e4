"""The gate: what was measured becomes a verdict by a profile of thresholds, bound to the data set that it is about."""

from __future__ import annotations

from .override import OVERRIDE_NAME, Override, check_reason, drop_override, read_override, write_override
from .profile import BUILT_IN, Profile, load_profile
from .report import HTML_NAME, REPORT_NAME, Report
from .standing import MOST_REPORT_BYTES, Standing, State, check_report, standing_of
from .store_gate import judge_store, measure_conditions, write_report

__all__ = [
    "BUILT_IN",
    "HTML_NAME",
    "MOST_REPORT_BYTES",
    "OVERRIDE_NAME",
    "REPORT_NAME",
    "Override",
    "Profile",
    "Report",
    "Standing",
    "State",
    "check_reason",
    "check_report",
    "drop_override",
    "judge_store",
    "load_profile",
    "measure_conditions",
    "read_override",
    "standing_of",
    "write_override",
    "write_report",
]
