"""XML from files that may come from anywhere, element by element; a document type, which could unfold, is refused."""

from xml.parsers import expat


class Reader:
    """Follows XML; elements and attributes are named without their namespaces."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Take an element's beginning."""

    def end(self, name: str) -> None:
        """Take its end."""

    def text(self, text: str) -> None:
        """Take text between, of which there may be several parts."""

    def read(self, content: bytes) -> None:
        """Follow a file from its beginning to its end; ExpatError where it is no XML, or declares a document type."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.StartElementHandler = lambda name, attributes: self.start(
            name.rpartition(":")[2], {key.rpartition(":")[2]: value for key, value in attributes.items()}
        )
        parser.EndElementHandler = lambda name: self.end(name.rpartition(":")[2])
        parser.CharacterDataHandler = self.text
        parser.Parse(content, True)


def _refuse_doctype(*_: object) -> None:
    raise expat.ExpatError("it declares a document type")


class Elements(Reader):
    """The attributes of every element of a name."""

    def __init__(self, name: str, content: bytes):
        self.name, self.found = name, list[dict[str, str]]()
        self.read(content)

    def start(self, name: str, attributes: dict[str, str]) -> None:  # noqa: D102 (as above)
        if name == self.name:
            self.found.append(attributes)
