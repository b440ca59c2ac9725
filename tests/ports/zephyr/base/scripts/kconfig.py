# SPDX-License-Identifier: Apache-2.0
"""What Zephyr's build makes of Kconfig: FOLDER/.config and FOLDER/autoconf.h, from prj.conf and the modules' files."""

import os
import sys
from pathlib import Path

import kconfiglib

folder, project, *modules = sys.argv[1:]
Path(folder).mkdir(parents=True, exist_ok=True)
sources = Path(folder) / "Kconfig.modules"
sources.write_text("".join(f'source "{one}"\n' for one in modules))
os.environ["KCONFIG_MODULES"] = str(sources)
kconfig = kconfiglib.Kconfig("Kconfig")
kconfig.load_config(project)
if kconfig.warnings:
    sys.exit("\n".join(kconfig.warnings))
kconfig.write_config(f"{folder}/.config")
kconfig.write_autoconf(f"{folder}/autoconf.h")
