"""timm's ConvNeXt is torchvision's under other names, with gates of another shape."""

import timm
import torch

from smalti.models import create_model
from smalti.weights import from_timm, load_strictly, to_timm


def test_weights_go_both_ways():
    torch.manual_seed(0)
    ours, theirs = (
        create_model("convnext_tiny_224", num_classes=5).eval(),
        timm.create_model("convnext_tiny", num_classes=5).eval(),
    )
    theirs.load_state_dict(to_timm(ours.state_dict(), "convnext"), strict=True)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-5)
    again = create_model("convnext_tiny_224", num_classes=5).eval()
    load_strictly(again, from_timm(theirs.state_dict(), "convnext"), where="timm")
    with torch.no_grad():
        assert torch.equal(again(images), ours(images))
