"""Reading one resource leniently: a getter notes what it could not read and never raises.

Real records bend FHIR: a number in quotes, one object where a list belongs, a list where one code belongs,
blanks around codes. Each getter takes the raw value and the path to name when it cannot be read. JSON has
exact types only, so types are compared by identity: getters run ten thousand times for a large record.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, TypeVar

import orjson

from bridge.fhir.systems import SECONDARY_LISTS, SNOMED
from bridge.record.common import PartialDate
from bridge.record.dates import partial_date

JsonObject = dict[str, Any]
T = TypeVar("T")

NOTHING: Final[JsonObject] = {}
"""Stands for an object that was not sent; never changed."""

_BEYOND_LONG: Final = 2**63
_LEVELS_OF_WORDS: Final = 8
_LONGEST_KEPT: Final = 255
_NUMBER = re.compile(r"\s*-?\d{1,18}(\.\d{1,18})?\s*", re.ASCII)
_FLAGS: Final = {"true": True, "false": False}
_ODD_DATES: Final = {"unparsed": "unparsed_date", "placeholder": "placeholder_date"}
"""Issue codes, by the precision of a date."""
_EXTENSION_NAME = re.compile(
    r"^(?:extension-)?(?:(?:careconnect|ukcore)-)?(?:gpc-)?(.*?)(?:-\d+)?$", re.DOTALL
)
_MISSPELT = {"coding-sctdecsid": "coding-sctdescid"}


class Item:
    """One resource being read, and what was noteworthy about it.

    Attributes:
        resource: the raw JSON object.
        ref: how the resource is named in the record, `Type/id`.
        notes: issue codes with the path they concern, in the order of reading.
        aside: likewise, of what was sent and has no part in what is made of the resource.
    """

    __slots__ = ("_dates", "_known", "aside", "notes", "ref", "resource")

    def __init__(
        self,
        resource: JsonObject,
        ref: str,
        dates: dict[str, PartialDate] | None = None,
        known: dict[Any, Any] | None = None,
    ) -> None:
        """Read `resource`; `dates` and `known` hold what was read of the same answer before.

        Without them nothing is looked up that is read `once`: within one resource little is said twice.
        """
        self.resource = resource
        self.ref = ref
        self.notes: list[tuple[str, str | None]] = []
        self.aside: tuple[tuple[str, str | None], ...] = ()
        self._dates = {} if dates is None else dates
        self._known = known

    def note(self, code: str, path: str | None = None) -> None:
        """Remember an issue of this resource."""
        self.notes.append((code, path))

    def codes(self) -> list[str]:
        """The issue codes noted so far, each once; none of what has no part in what is made of it."""
        return list(dict.fromkeys(code for code, _ in self.notes)) if self.notes else []

    def once(self, read: Callable[..., T], sent: object, path: str, *more: object) -> T:
        """What `read` makes of a value; of the same value in the same place of an answer, the same again.

        It is one object for all, never to be changed. What was noted of it is noted for each.
        """
        if self._known is None:
            return read(self, sent, path, *more)
        try:
            key = (read, orjson.dumps(sent), path, more)
        except TypeError:  # nested so deeply that it cannot be written
            return read(self, sent, path, *more)
        known: tuple[T, list[tuple[str, str | None]]] | None = self._known.get(key)
        if known is None:
            before = len(self.notes)
            result = read(self, sent, path, *more)
            self._known[key] = (result, self.notes[before:])
            return result
        result, noted = known
        if noted:
            self.notes += noted
        return result

    def text(self, value: object, path: str) -> str | None:
        """Words with their layout; blank counts as not sent."""
        if type(value) is str:
            return value if value and not value.isspace() else None
        return None if value is None else self._text_of_other(value, path)

    def _text_of_other(self, value: object, path: str) -> str | None:
        while isinstance(value, list) and len(value) == 1:
            value = value[0]
        if value is None or type(value) is str:
            return self.text(value, path)
        if type(value) is int or type(value) is float:
            return str(value)
        self.note("unreadable_element", path)
        return None

    def code(self, value: object, path: str) -> str | None:
        """A code, system or id: the blanks around it do not count."""
        if type(value) is str:
            return value.strip() or None
        found = self.text(value, path)
        return found.strip() if found else None

    def number(self, value: object, path: str) -> float | None:
        """A number, also one written in quotes."""
        if value is None:
            return None
        if type(value) is int or type(value) is float:
            return value
        if type(value) is str and _NUMBER.fullmatch(value):
            return float(value) if "." in value else int(value)
        self.note("unreadable_element", path)
        return None

    def whole_number(self, value: object, path: str) -> int | None:
        """A whole number of at most 64 bits; `5.0` is one."""
        found = self.number(value, path)
        if found is None or not -_BEYOND_LONG < found < _BEYOND_LONG or found != int(found):
            return None
        return int(found)

    def flag(self, value: object, path: str) -> bool | None:
        """Yes or no, also one written in quotes."""
        if value is None or type(value) is bool:
            return value
        written = self.code(value, path)
        if written in _FLAGS:
            return _FLAGS[written]
        if written is not None:
            self.note("unreadable_element", path)
        return None

    def date(self, value: Any, path: str) -> PartialDate | None:
        """A date as precise as it was sent; one that cannot be read is kept as text."""
        if value is None:
            return None
        try:
            found = self._dates[value]
        except (KeyError, TypeError):  # not met yet, or no text
            written = self.code(value, path)
            if written is None:
                return None
            found = self._dates[written] = partial_date(written)
        if found["precision"] in _ODD_DATES:
            self.note(_ODD_DATES[found["precision"]], path)
        return found

    def one(self, value: object, path: str) -> JsonObject:
        """One object; of a list, its first. `NOTHING` when there is none."""
        if type(value) is dict:
            return value
        found = self.many(value, path)
        return found[0] if found else NOTHING

    def many(self, value: object, path: str) -> list[JsonObject]:
        """A list of objects; a single object is a list of one, anything else in it is left out."""
        if type(value) is list:
            for each in value:
                if type(each) is not dict:
                    self.note("unreadable_element", path)
                    return [each for each in value if isinstance(each, dict)]
            return value
        if value is None:
            return []
        if type(value) is dict:
            return [value]
        self.note("unreadable_element", path)
        return []

    def extensions(self, holder: JsonObject) -> dict[str, list[JsonObject]]:
        """The extensions of an element by their name (see `extension_name`)."""
        sent = holder.get("extension")
        if sent is None:
            return NOTHING
        named: dict[str, list[JsonObject]] = {}
        for extension in self.many(sent, "extension"):
            url = extension.get("url")
            if type(url) is str:
                named.setdefault(extension_name(url), []).append(extension)
        return named

    def reference(self, value: Any, path: str) -> str | None:
        """The target of a Reference as `Type/id` or `#id`."""
        if value is None:
            return None
        try:
            target: str = value["reference"].strip()
        except (TypeError, KeyError, AttributeError):
            return self._reference_of_other(value, path)
        if target.count("/") > 1:
            return reference_target(target)
        return target or self._reference_of_other(value, path)

    def _reference_of_other(self, value: object, path: str) -> str | None:
        """The target of what is no object; none of one whose `reference` is no text."""
        found = self.one(value, path)
        if found is not value:
            return self.reference(found, path)
        if "display" in found:
            self.note("display_only_reference", path)
        return None


def extension_name(url: str) -> str:
    """The name of an extension, without host, `CareConnect`, `GPC` and version.

    Suppliers differ in all of these for one and the same extension (`fhir.nhs.uk` or `fhir.hl7.org.uk`,
    `http` or `https`, with or without `GPC`), and in the case of the inner names.
    """
    # What is remembered outlives the bundle, so nobody else's text decides how much that is.
    return _remembered_name(url) if len(url) <= _LONGEST_KEPT else _extension_name(url)


def _extension_name(url: str) -> str:
    last = url.strip().rstrip("/").rpartition("/")[2].lower()
    matched = _EXTENSION_NAME.match(last)
    name = matched[1] if matched else last
    return _MISSPELT.get(name, name)


_remembered_name = lru_cache(maxsize=1024)(_extension_name)


def extension_value(extension: JsonObject) -> Any:
    """The value of an extension, whichever type it was sent as."""
    for key in extension:
        if key.startswith("value"):
            return extension[key]
    return None


def reference_target(reference: str) -> str | None:
    """`Type/id` of a relative or absolute reference, without a version; `#id` and a bare id as they are."""
    target = reference.strip()
    if target.count("/") < 2:  # noqa: PLR2004 - the usual Type/id, an #id, or a bare id
        return target or None
    return "/".join(target.partition("/_history/")[0].rsplit("/", 2)[-2:])


def target_of(reference: Any) -> str | None:
    """What a Reference points at, as `reference_target` has it; None of what names nothing."""
    try:
        target: str = reference["reference"].strip()
    except (TypeError, KeyError, AttributeError):  # no object, or no text in it
        return None
    return target or None if target.count("/") < 2 else reference_target(target)  # noqa: PLR2004 - as above


def references_in(*values: object) -> Iterator[str]:
    """What every Reference inside some values points at, as it was written, however deep it stands."""
    left: list[object] = list(values)
    while left:
        value = left.pop()
        if isinstance(value, list):
            left += value
        elif isinstance(value, dict):
            written = value.get("reference")
            if isinstance(written, str):
                yield written
            left += value.values()


def is_old(identifier: Mapping[str, Any]) -> bool:
    """Whether an identifier is no longer in use: then it never decides who or what something is."""
    use = identifier.get("use")
    return isinstance(use, str) and use.strip() == "old"


def is_current(identifier: JsonObject, system: str) -> bool:
    """Whether an identifier is of this system and in use."""
    return identifier.get("system") == system and not is_old(identifier)


def first_code(concept: object) -> str | None:
    """The code of the first coding that has one; a bare code where a CodeableConcept belongs is taken."""
    if type(concept) is str:
        return concept.strip() or None
    codings = concept.get("coding") if type(concept) is dict else None
    if codings is None:
        return None
    for coding in codings if type(codings) is list else [codings]:
        code = coding.get("code") if type(coding) is dict else None
        if type(code) is str and (stripped := code.strip()):
            return stripped
    return None


def code_in(concept: object, system: str) -> str | None:
    """The code that a concept has in one code system, wherever that stands among its codings (CS-066).

    Args:
        concept: a CodeableConcept, a Coding or a bare code, which is taken as it is.
        system: the name of the code system as `extension_name` gives it: suppliers differ in host, path and
            version of a code system of GP Connect as they do with extensions.

    Returns:
        the code; of a coding that names no system only where none names the right one.
    """
    if type(concept) is str:
        return concept.strip() or None
    unnamed: str | None = None
    for named, code in _codes(concept) if concept else ():
        if named is None:
            unnamed = unnamed or code
        elif extension_name(named) == system:
            return code
    return unnamed


def snomed_codes(concept: Any) -> list[str]:
    """The SNOMED CT codes of a concept in the order sent; without one, the codes that name no system."""
    try:
        [coding] = concept["coding"]
        if coding["system"] == SNOMED and (code := coding["code"].strip()):
            return [code]
    except (TypeError, KeyError, ValueError, AttributeError):  # not one alone, as nearly all have
        pass
    found = _codes(concept)
    return [code for system, code in found if system == SNOMED] or [
        code for system, code in found if system is None
    ]


def has_snomed_code(concept: Any, code: str) -> bool:
    """Whether `code` is among the `snomed_codes` of a concept; that most do not have it is seen at once."""
    try:
        for coding in concept["coding"]:
            if code in coding["code"]:
                break
        else:
            return False
    except (TypeError, KeyError):  # not of the form that nearly all have
        pass
    return code in snomed_codes(concept)


def list_code(concept: object) -> str | None:
    """What says which list a List is: its SNOMED CT code, that of a secondary list, or any at all."""
    snomed = snomed_codes(concept)
    return snomed[0] if snomed else code_in(concept, SECONDARY_LISTS) or first_code(concept)


def _codes(concept: object) -> list[tuple[str | None, str]]:
    """System and code of every coding that has a code."""
    codings: Any = concept
    if type(concept) is dict:
        codings = concept.get("coding", concept)
    elif type(concept) is str:
        codings = {"code": concept}
    found: list[tuple[str | None, str]] = []
    for coding in codings if type(codings) is list else [codings]:
        try:
            code = coding["code"].strip()
        except (TypeError, KeyError, AttributeError):  # no object, or no text in it
            continue
        if code:
            system = coding.get("system")
            found.append(((system.strip() or None) if type(system) is str else None, code))
    return found


def best_text(resource: object) -> str | None:
    """The best words a resource offers for a person, without interpreting it; None when there are none."""
    if not isinstance(resource, dict):
        return None
    for key in ("code", "medicationCodeableConcept", "vaccineCode", "type", "title", "name"):
        found = _words(resource.get(key))
        if found:
            return found
    return None


def _words(value: object, levels: int = _LEVELS_OF_WORDS) -> str | None:
    if isinstance(value, str):
        return value.strip() or None
    if levels == 0:
        return None
    if isinstance(value, list):
        return _words(value[0], levels - 1) if value else None
    if isinstance(value, dict):
        for key in ("text", "display", "coding"):
            found = _words(value.get(key), levels - 1)
            if found:
                return found
    return None
