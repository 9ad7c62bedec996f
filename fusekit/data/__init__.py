"""From folders to tensors."""

from fusekit.data.clinical.encoding import ClinicalEncoding
from fusekit.data.clinical.layout import ColumnLayout
from fusekit.data.clinical.tables import read_table
from fusekit.data.cohort import OURS, Cohort, Column, Finding
from fusekit.data.images.dicom.files import read_dataset
from fusekit.data.images.dicom.reader import read_dicom
from fusekit.data.images.itk import read_itk
from fusekit.data.images.nifti import read_nifti
from fusekit.data.images.pictures import read_picture
from fusekit.data.images.volume import Volume, read
from fusekit.data.slices.cut import cut
from fusekit.data.slices.pixels import Pixels, grey_tensor
from fusekit.data.slices.policy import SlicePolicy
from fusekit.data.splits import ONE_IN, assign_folds, refuse_leakage, set_aside
from fusekit.data.store.store import SliceStore, build_store
from fusekit.data.target import Classes, Number, Ordered, Target, TimeToEvent
from fusekit.data.task import Preset, Published, Task

__all__ = [
    "ONE_IN",
    "OURS",
    "Classes",
    "ClinicalEncoding",
    "Cohort",
    "Column",
    "ColumnLayout",
    "Finding",
    "Number",
    "Ordered",
    "Pixels",
    "Preset",
    "Published",
    "SlicePolicy",
    "SliceStore",
    "Target",
    "Task",
    "TimeToEvent",
    "Volume",
    "assign_folds",
    "build_store",
    "cut",
    "grey_tensor",
    "read",
    "read_dataset",
    "read_dicom",
    "read_itk",
    "read_nifti",
    "read_picture",
    "read_table",
    "refuse_leakage",
    "set_aside",
]
