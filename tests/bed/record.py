#!/usr/bin/env python3
"""Records the scenes of `attacks.py` and `honest.py`; see `scenes.py`."""
import sys

import attacks  # noqa: F401
import honest  # noqa: F401
import scenes

scenes.main(sys.argv[1:])
