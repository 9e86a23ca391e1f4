"""timm imports torchvision; the guard has to come first, for every test."""

import smalti._torchvision  # noqa: F401
