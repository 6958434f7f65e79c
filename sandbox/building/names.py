"""Fictional display names: the source's patients have none. Most surnames are words for a tree, bird or herb."""

import hashlib


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_FEMALE = _words(
    """
    Ada Agnes Alma Anika Beata Bruna Carmen Celia Clara Dalia Edith Elena Esther Fatima Flora Greta Hanna Ines
    Irene
    Judith Kaja Lena Leonor Lucia Mabel Marta Mina Nadia Nora Olga Paula Petra Rosa Ruth Salma Selma Tilda Vera
    Wilma Yara
    """
)
_MALE = _words(
    """
    Albin Anton Arno Basil Bruno Carl Conrad David Edgar Emil Enzo Felix Franz Georg Hugo Ivan Jakob Jonas Karim
    Leon
    Levi Luca Magnus Marek Milan Noah Omar Oskar Otto Pablo Paul Rafael Ralf Simon Stefan Theo Tomas Viktor Walter
    Yusuf
    """
)
_FAMILY = _words(
    """
    Alder Anise Aspen Avocet Basilwood Beech Birchall Bramble Bunting Chervil Cicely Clover Cypress Dillwood Dunlin
    Elder Fennel Finchley Gorse Grebe Hawthorn Hazel Heather Heronsby Hollybank Hornbeam Ivywood Juniper
    Kestrel
    Lapwing Larch Laurel Linden Linnet Lovage Mallow Maplewood Marjoram Merlin Mistle Myrtle Nettle Oakes
    Oriole
    Osprey Parsley Petrel Pinewood Plover Poplar Quince Redstart Robins Rowan Rushton Sagewood Sandpiper
    Siskin Sorrel
    Sparrow Spruce Starling Swift Sycamore Tamarack Tansy Teal Thistle
    Thyme Wagtail Walnut Whinchat Willow Woodruff
    Wrenfield Yarrow Yewdale
    """
)


def fictional_name(record: str, gender: str, taken: set[str]) -> tuple[str, str]:
    """A given and a family name that follow from the record number; `taken` keeps full names apart."""
    given_names = _FEMALE if gender == "female" else _MALE
    for attempt in range(1000):
        digest = hashlib.sha256(f"{record}/{attempt}".encode()).digest()
        given = given_names[digest[0] % len(given_names)]
        family = _FAMILY[digest[1] % len(_FAMILY)]
        free = family not in taken or (attempt > 50 and f"{given} {family}" not in taken)
        if free:
            taken |= {family, f"{given} {family}"}
            return given, family
    raise ValueError("no fictional name left")
