import json
from typing import Any

import pytest

from fusekit.data import SlicePolicy
from fusekit.errors import OptionError


def test_the_default_is_the_papers_ten_coronal_slices() -> None:
    policy = SlicePolicy()
    assert (policy.plane, policy.space, policy.start, policy.stop, policy.step) == ("coronal", "voxel", 130, 140, 1)


@pytest.mark.parametrize(("plane", "axis"), [("sagittal", 0), ("coronal", 1), ("axial", 2)])
def test_a_plane_cuts_along_its_axis(plane: Any, axis: int) -> None:
    assert SlicePolicy(plane=plane).axis == axis


def test_json_is_the_way_there_and_back() -> None:
    policy = SlicePolicy(
        plane="axial",
        space="mm",
        start=-12.5,
        stop=30,
        step=3,
        fit="pad",
        crop="brain",
        largest=5,
        window=(400, 40),
        depth="float16",
    )
    again = SlicePolicy(**json.loads(json.dumps(policy.as_json())))
    assert again == policy
    assert again.window == (400, 40)
    assert hash(again) == hash(policy)  # a list for the window would not do


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": 5, "stop": 5}, "stop must be above slices.start; they are 5 and 5"),
        ({"step": 0}, "step takes 1 or more, not 0"),
        ({"plane": "frontal"}, "plane takes one of sagittal, coronal, axial, volume, not 'frontal'"),
        ({"space": "cm"}, "space takes one of voxel, mm, fraction"),
        ({"fit": "crop"}, "fit takes one of stretch, pad"),
        ({"start": float("nan")}, "are numbers, not nan and 140"),
        ({"stop": float("inf")}, "are numbers"),
        ({"largest": -1}, "largest takes 0 or more, not -1"),
        ({"window": (400,)}, r"window takes a width above 0 and a level, such as 400,40; not 400\."),
        ({"window": (0, 40)}, "not 0,40"),
        ({"window": (400, float("nan"))}, "not 400,nan"),
        ({"crop": "head"}, "crop takes one of none, brain"),
        ({"depth": "float32"}, "depth takes one of uint8, float16"),
        ({"mask": "cut"}, "mask takes one of choose, crop, zero, channel, auto, not 'cut'"),
        ({"colour": "bgr"}, "colour takes one of auto, grey, rgb, not 'bgr'"),
        ({"margin": -1}, "margin takes millimetres, 0 or more, not -1"),
        ({"margin": float("nan")}, "margin takes millimetres"),
        ({"crop": "brain", "mask": "crop"}, "both cut volumes down; choose one"),
        ({"window": (400, 40, 350)}, "not 400,40,350"),
        ({"window": (400, 40, -1, 0)}, "not 400,40,-1,0"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        SlicePolicy(**options)


@pytest.mark.parametrize(("plane", "most"), [("axial", 2048), ("volume", 256)])
def test_images_larger_than_any_network_reads_are_refused(plane: Any, most: int) -> None:
    SlicePolicy(plane=plane).check_size(most)
    with pytest.raises(OptionError, match=f"image_size is {most + 1}, which is more than the {most} pixels"):
        SlicePolicy(plane=plane).check_size(most + 1)


@pytest.mark.parametrize(("plane", "dims", "other"), [("axial", 2, 3), ("volume", 3, 2)])
def test_a_backbone_reads_what_the_policy_gives(plane: Any, dims: int, other: int) -> None:
    SlicePolicy(plane=plane).check_backbone("mine", dims)
    with pytest.raises(OptionError, match=r"the backbone 'mine' reads .*slices\.plane=|slices\.plane=.*'mine' reads"):
        SlicePolicy(plane=plane).check_backbone("mine", other)
