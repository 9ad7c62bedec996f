"""What a file is when it is not what its name says."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pytest
from PIL import Image

from fusekit.data import read
from fusekit.data.images.contents import what_begins
from fusekit.errors import DataError

nibabel: Any = untyped_nibabel
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab\nsize 12345\n"
ANNEX = b"/annex/objects/SHA256E-s12345--4d7a.nii.gz\n"
HTML = b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"


def _zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.nii", "x")
    return stream.getvalue()


def _tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.nii"), io.BytesIO())
    return stream.getvalue()


def _png() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(stream, "PNG")
    return stream.getvalue()


def _nifti(kind: Any = None) -> bytes:
    image = (kind or nibabel.Nifti1Image)(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.diag([2.0, 3, 4, 1]))
    return bytes(image.to_bytes())


KINDS = {
    "LFS": (LFS, "it is a Git LFS pointer, a note of where the file is. Get the file with 'git lfs pull'"),
    "annex": (ANNEX, "it is a git-annex pointer.*'datalad get' or 'git annex get'"),
    "HTML": (HTML, r"it is a web page \(HTML\), most likely the login or error page of a download"),
    "html": (b"<HTML><body>404</body></HTML>", r"it is a web page \(HTML\)"),
    "XML": (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "it is an XML text.*AccessDenied"),
    "JSON": (b'{"error": "token expired"}', "it is a JSON text, which begins with.*token expired"),
    "text": (b"subject,age\n1,70\n", "it is a text, which begins with 'subject,age'"),
    "zip": (_zip(), "it is a zip archive. Unpack it"),
    "tar": (_tar(), "it is a tar archive. Unpack it"),
    "bzip2": (b"BZh91AY&SY", "it is compressed with bzip2. Unpack it"),
    "xz": (b"\xfd7zXZ\0\0", "it is compressed with xz. Unpack it"),
    "7z": (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive"),
    "PDF": (b"%PDF-1.7\n", "it is a PDF document"),
    "PNG": (_png(), r"it is a PNG picture. Rename it to end in \.png"),
    "NRRD": (b"NRRD0004\ntype: short\n", r"it is an NRRD file. Rename it to end in \.nrrd"),
    "MetaImage": (b"ObjectType = Image\nNDims = 3\n", r"it is a MetaImage file. Rename it to end in \.mha"),
    "DICOM": (bytes(128) + b"DICM" + b"\x02\0\0\0UL\x04\0", r"it is a DICOM file. Rename it to end in \.dcm"),
    "zeros": (bytes(4096), "it begins with zeros only, as a download does that was cut short"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii", "a.hdr", "a.mgz"])
def test_a_file_that_is_no_nifti_says_what_it_is(tmp_path: Path, kind: str, name: str) -> None:
    content, message = KINDS[kind]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}: the file is not what its name says: {message}"):
        read(tmp_path / name)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "zeros"])
def test_what_is_packed_is_looked_at_too(tmp_path: Path, kind: str) -> None:
    content, message = KINDS[kind]
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=rf"what is packed in it is no NIfTI file: {message}"):
        read(tmp_path / "a.nii.gz")


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_a_nifti_file_that_is_packed_or_not_against_its_name_is_to_be_renamed(tmp_path: Path, kind: Any) -> None:
    (tmp_path / "a.nii.gz").write_bytes(_nifti(kind))
    with pytest.raises(DataError, match=r"NIfTI file that is not gzip-compressed, as its name says. Rename.*\.nii\.$"):
        read(tmp_path / "a.nii.gz")
    (tmp_path / "b.nii").write_bytes(gzip.compress(_nifti(kind)))
    with pytest.raises(DataError, match=r"gzip-compressed, unlike its name. Rename it to end in \.nii\.gz"):
        read(tmp_path / "b.nii")
    (tmp_path / "c.nii.gz").write_bytes(b"\x93\x01\xfe" * 40)
    with pytest.raises(DataError, match="not gzip-compressed, as its name says, and of no kind that FuseKit knows"):
        read(tmp_path / "c.nii.gz")


def test_voxels_of_an_image_pair_may_begin_with_anything(tmp_path: Path) -> None:
    data = np.frombuffer(b"PK\x03\x04" + bytes(116), np.int16).reshape(3, 4, 5)
    nibabel.save(nibabel.Nifti1Pair(data, np.diag([2.0, 3, 4, 1])), tmp_path / "a.img")
    np.testing.assert_array_equal(read(tmp_path / "a.img").data, data)
    (tmp_path / "a.img").write_bytes(LFS)
    with pytest.raises(DataError, match="git lfs pull"):
        read(tmp_path / "a.img")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.dcm", "a.mha", "a.nrrd", "a.xyz"])
def test_other_kinds_say_what_they_are_too(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(LFS)
    with pytest.raises(DataError, match=rf"{name}: .*[iI]t is a Git LFS pointer.*git lfs pull"):
        read(tmp_path / name)


@pytest.mark.parametrize("content", [b"\x93\x01\xfe", b"a\x00b\x01", bytes(range(256))])
def test_what_is_not_recognised_is_not_guessed(content: bytes) -> None:
    assert what_begins(content) == ""


def test_a_letter_that_is_cut_in_two_is_still_text() -> None:
    assert what_begins("größe".encode()[:4]) == "it is a text, which begins with 'grö'. Get the file again"
