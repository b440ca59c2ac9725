# SPDX-License-Identifier: Apache-2.0
"""What NuttX's `make olddefconfig` runs."""

import kconfiglib

kconfig = kconfiglib.Kconfig("Kconfig")
kconfig.load_config(".config")
kconfig.write_config(".config")
