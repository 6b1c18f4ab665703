"""The story: tomograms -> LVF -> islands -> profiles -> stack -> mesh -> solution -> risk."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from coupling.bridge import measured_islands, profile_of
