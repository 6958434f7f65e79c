"""The committed data set is sound, and the converter's rules hold."""

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from fhirclient.models.bundle import Bundle

from sandbox.building.clinical import dotted
from sandbox.building.findings import findings
from sandbox.building.ingredients import INGREDIENTS
from sandbox.building.medications import Drug, MedicationNames, ingredient_codings, medication_concept
from sandbox.building.moments import Category, Course, Stay, choose_moments, stage_against, stages
from sandbox.building.names import fictional_name
from sandbox.building.timing import ANCHOR, DAY, HOUR, Shift, local_seconds
from sandbox.building.writing import Chart, write
from sandbox.store import BUNDLED_PATIENTS

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
INDEX = json.loads((BUNDLED_PATIENTS / "index.json").read_text("utf-8"))
LINES = gzip.decompress((BUNDLED_PATIENTS / INDEX["data"]).read_bytes()).decode().splitlines()
RESOURCES: list[dict[str, Any]] = [json.loads(line) for line in LINES]
SERVED = {
    "Patient",
    "Encounter",
    "Condition",
    "Observation",
    "MedicationRequest",
    "MedicationAdministration",
    "Procedure",
}


def references_in(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [r for v in value.values() for r in references_in(v)]
    if isinstance(value, list):
        return [r for item in value for r in references_in(item)]
    return []


def test_ids_are_unique_and_every_reference_resolves() -> None:
    held = Counter(f"{r['resourceType']}/{r['id']}" for r in RESOURCES)
    assert max(held.values()) == 1
    assert {ref for r in RESOURCES for ref in references_in(r)} <= held.keys()


def test_no_reference_leaves_its_patient() -> None:
    for resource in RESOURCES:
        record = resource["id"] if resource["resourceType"] == "Patient" else resource["id"].split("-")[1]
        owners = {
            ref.split("/")[1].split("-")[1] if "-" in ref else ref.split("/")[1] for ref in references_in(resource)
        }
        assert owners <= {record}


def test_only_the_named_types_are_in_it() -> None:
    assert {r["resourceType"] for r in RESOURCES} == SERVED


def test_every_observation_has_what_a_result_needs() -> None:
    for resource in RESOURCES:
        if resource["resourceType"] != "Observation":
            continue
        assert resource["status"] == "final"
        assert resource["category"][0]["coding"][0]["code"]
        assert any(c["system"] == "http://loinc.org" for c in resource["code"]["coding"])
        assert resource["effectiveDateTime"]
        parts = resource.get("component", [resource])
        for quantity in (part["valueQuantity"] for part in parts):
            assert isinstance(quantity["value"], int | float)
            assert quantity["system"] == "http://unitsofmeasure.org"
            assert quantity["code"] == quantity["unit"] != "UNK"


def test_one_code_has_one_unit_except_where_charts_really_differ() -> None:
    units: dict[str, set[str]] = defaultdict(set)
    for resource in RESOURCES:
        if resource["resourceType"] == "Observation" and "valueQuantity" in resource:
            units[resource["code"]["coding"][0]["code"]].add(resource["valueQuantity"]["unit"])
    several = {code: held for code, held in units.items() if len(held) > 1}
    several.pop("33914-3")  # Synthea's eGFR changes its unit over the years
    assert several == {"8310-5": {"Cel", "[degF]"}, "29463-7": {"kg", "[lb_av]"}, "8302-2": {"cm", "[in_i]"}}


def test_urea_creatinine_and_potassium_lie_where_adult_values_lie() -> None:
    """A unit slip of the converter would move these by a factor."""
    bounds = {"2160-0": (0.1, 25), "3094-0": (1, 260), "2823-3": (1.5, 10), "2345-7": (10, 1500), "718-7": (2, 22)}
    for resource in RESOURCES:
        code = resource.get("code", {}).get("coding", [{}])[0].get("code")
        if resource["resourceType"] == "Observation" and code in bounds:
            low, high = bounds[code]
            assert low <= resource["valueQuantity"]["value"] <= high, resource["id"]


def test_no_diagnosis_of_a_stay_that_is_still_open() -> None:
    """Discharge codes of the current stay would tell the answer."""
    running = {
        f"Encounter/{r['id']}" for r in RESOURCES if r["resourceType"] == "Encounter" and "end" not in r["period"]
    }
    coded = {
        r["encounter"]["reference"] for r in RESOURCES if r["resourceType"] == "Condition" and "encounter" in r
    }
    assert running
    assert not coded & running


def test_no_procedure_of_an_open_stay_tells_how_long_it_will_last() -> None:
    running = {
        f"Encounter/{r['id']}" for r in RESOURCES if r["resourceType"] == "Encounter" and "end" not in r["period"]
    }
    told = [
        r["code"]["text"]
        for r in RESOURCES
        if r["resourceType"] == "Procedure" and r.get("encounter", {}).get("reference") in running
    ]
    assert told
    assert not [text for text in told if "consecutive hours" in text.lower()]


def test_running_infusions_have_no_total_dose() -> None:
    running = [
        r for r in RESOURCES if r["resourceType"] == "MedicationAdministration" and r["status"] == "in-progress"
    ]
    assert running
    assert all("dosage" not in r and "end" not in r["effectivePeriod"] for r in running)


def test_nobody_is_dead_and_nobody_is_called_by_a_number() -> None:
    for resource in RESOURCES:
        if resource["resourceType"] == "Patient":
            assert "deceasedDateTime" not in resource
            assert not any(character.isdigit() for character in resource["name"][0]["text"])


def test_names_belong_to_one_patient_each() -> None:
    names = Counter(entry["name"] for entry in INDEX["patients"])
    assert max(names.values()) == 1


def test_every_category_has_patients_to_show() -> None:
    categories = Counter(entry["category"] for entry in INDEX["patients"])
    assert set(categories) == {*Category, "outpatient"}
    assert min(categories.values()) >= 3
    assert sum(categories.values()) == 112


def test_the_readme_counts_the_categories_as_they_are() -> None:
    categories = Counter(entry["category"] for entry in INDEX["patients"])
    table = {
        name.strip(" `"): int(number)
        for line in (BUNDLED_PATIENTS / "README.md").read_text("utf-8").splitlines()
        if line.startswith("| `")
        for names, _, number in [line.strip("| ").rsplit("|", 2)]
        for name, number in zip(names.split(","), number.split(","), strict=True)
    }
    assert table == dict(categories)


def test_dialysis_patients_have_a_dialysis_procedure_with_a_snomed_code_or_an_icd_code() -> None:
    on_dialysis = {entry["id"] for entry in INDEX["patients"] if entry["category"] == "dialysis"}
    codes = {"233578004", "233575001", "39.95", "5A1D00Z", "5A1D60Z", "5A1D70Z", "5A1D90Z"}
    shown = {
        r["subject"]["reference"].removeprefix("Patient/")
        for r in RESOURCES
        if r["resourceType"] == "Procedure" and codes & {c["code"] for c in r["code"]["coding"]}
    }
    assert on_dialysis <= shown


def test_the_licences_and_the_attribution_lie_beside_the_data() -> None:
    assert "Open Database License" in (BUNDLED_PATIENTS / "LICENSE-ODbL-1.0.txt").read_text("utf-8")
    assert "Apache License" in (BUNDLED_PATIENTS / "LICENSE-Apache-2.0.txt").read_text("utf-8")
    readme = (BUNDLED_PATIENTS / "README.md").read_text("utf-8")
    assert "10.13026/dp1f-ex47" in readme
    assert "10.13026/c2f9-3y63" in readme


def test_the_data_set_stays_small() -> None:
    assert (BUNDLED_PATIENTS / INDEX["data"]).stat().st_size < 8_000_000


@pytest.mark.parametrize("record", ["10005817", "10007795", "10010471", "90000001"])
def test_a_patients_resources_are_valid_r4(record: str) -> None:
    """fhirclient's strict models read one of every kind of resource a patient has."""
    kinds: dict[str, dict[str, Any]] = {}
    for resource in RESOURCES:
        if resource["id"] == record or f"-{record}-" in resource["id"]:
            code = str(resource.get("code", {}).get("text")) if resource["resourceType"] == "Observation" else ""
            kinds[resource["resourceType"] + code + ",".join(resource)] = resource
    Bundle({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in kinds.values()]})


# --- the rules -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "reference", "rise", "stage"),
    [
        (1.29, 1.0, 0.29, 0),
        (1.4, 1.1, 1.4 - 1.1, 1),
        (1.5, 1.0, 0.0, 1),
        (1.39, 0.7, 0.0, 1),
        (1.4, 0.7, 0.0, 2),
        (2.1, 0.7, 0.0, 3),
        (4.1, 3.8, 0.3, 3),
        (4.3, 4.1, 0.2, 0),
    ],
)
def test_stage_follows_kdigo(value: float, reference: float, rise: float, stage: int) -> None:
    assert stage_against(value, reference, rise) == stage


def course(values: list[tuple[float, float]], *, dialysis: tuple[tuple[float, float], ...] = ()) -> Course:
    """Creatinine at hours of one stay that lasts 14 days."""
    series = tuple((hours * HOUR, value) for hours, value in values)
    return Course("1", series, (Stay("s", 0.0, 14 * DAY, ((0.0, 14 * DAY),)),), dialysis)


def test_a_rise_after_the_result_makes_it_aki_within_48_h() -> None:
    rising = course([(0.5, 1.0), (20, 1.0), (40, 1.6)])
    assert choose_moments([rising])["1"].category is Category.COMING


def test_dialysis_wins_over_every_stage() -> None:
    treated = course([(8, 1.0), (30, 3.5)], dialysis=((28 * HOUR, 40 * HOUR),))
    assert choose_moments([treated])["1"].category is Category.DIALYSIS


def test_the_moment_comes_after_the_result_and_before_the_next() -> None:
    steady = course([(0.5, 1.0), (20, 1.0), (20.9, 1.1), (40, 1.0), (60, 1.0)])
    moment = choose_moments([steady])["1"]
    known = [t for t, _ in steady.creatinine if t + 45 * 60 <= moment.at]
    assert moment.at - known[-1] >= 49 * 60
    assert moment.at - known[-1] <= 136 * 60


def test_references_are_the_lowest_week_and_the_median_year() -> None:
    values = [(-100.0 * 24, 1.0), (-50.0 * 24, 3.0), (-30.0 * 24, 1.0), (10.0, 0.6), (20.0, 1.2)]
    assert stages(course(values), 4) == (2, 1, 1, 1)


def test_a_shift_refuses_what_lies_after_the_moment() -> None:
    moment = local_seconds(datetime(2180, 7, 23, 14, 0))  # noqa: DTZ001  # the source's wall clock
    shift = Shift(moment)
    assert shift.time(moment) == ANCHOR.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert shift.day("2180-07-22") == "2099-12-31"
    with pytest.raises(ValueError, match="later than the moment"):
        shift.time(moment + 1)
    with pytest.raises(ValueError, match="later than the moment"):
        shift.day("2180-07-24")


@pytest.mark.parametrize(
    ("code", "icd_9", "expected"),
    [("5856", True, "585.6"), ("E9063", True, "E906.3"), ("V4511", True, "V45.11"), ("496", True, "496"),
     ("N186", False, "N18.6"), ("I10", False, "I10"), ("E1122", False, "E11.22")],
)  # fmt: skip
def test_diagnosis_codes_get_their_dots_back(code: str, icd_9: bool, expected: str) -> None:
    assert dotted(code, icd_9=icd_9) == expected


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("Vancomycin", ["11124"]),
        ("Furosemide (Lasix) 250/50", ["4603"]),
        ("Piperacillin-Tazobactam", ["8339"]),
        ("Esomeprazole (Nexium)", ["283742"]),
        ("Sulfameth/Trimethoprim DS", ["10180", "10829"]),
        ("HYDROmorphone (Dilaudid)", []),
        ("Norepinephrine", []),
    ],
)
def test_ingredients_are_coded_only_where_certain(name: str, codes: list[str]) -> None:
    assert [coding["code"] for coding in ingredient_codings(name)] == codes
    assert medication_concept(Drug(name))["text"] == name


def test_no_ingredient_shares_its_code_with_another() -> None:
    assert len(set(INGREDIENTS.values())) == len(INGREDIENTS)
    assert all(code.isdigit() for code in INGREDIENTS.values())


def medication(number: str, name: str, ndc: str) -> dict[str, Any]:
    systems = {"mimic-medication-name": name, "mimic-medication-ndc": ndc}
    return {"id": number, "identifier": [{"system": f"x/{key}", "value": text} for key, text in systems.items()]}


def ordered(number: str) -> dict[str, Any]:
    return {"medicationReference": {"reference": f"Medication/{number}"}}


def test_an_order_keeps_the_product_code_of_its_source() -> None:
    mix = "Meropenem--MERO1I--63323050831_0.9% Sodium Chloride--NS100--00338055318"
    names = MedicationNames(
        [medication("a", "CloniDINE", "51079030020"), medication("b", "Senna", "0")],
        [{"id": "c", "identifier": [{"value": mix}]}],
    )
    assert names.of_request(ordered("a")) == Drug("CloniDINE", "51079030020")
    assert names.of_request(ordered("b")) == Drug("Senna")
    assert names.of_request(ordered("c")) == Drug("Meropenem in 0.9% Sodium Chloride", "63323050831")
    assert medication_concept(Drug("CloniDINE", "51079030020")) == {
        "coding": [{"system": "http://hl7.org/fhir/sid/ndc", "code": "51079030020"}],
        "text": "CloniDINE",
    }


def test_most_orders_carry_a_code_and_none_is_empty() -> None:
    concepts = [r["medicationCodeableConcept"] for r in RESOURCES if r["resourceType"] == "MedicationRequest"]
    codings = [concept.get("coding", []) for concept in concepts]
    assert sum(1 for coding in codings if coding) / len(codings) > 0.9
    assert all(c["system"] and c["code"].isdigit() for coding in codings for c in coding)


def drug_order(name: str, route: str = "IV", status: str = "active") -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "status": status,
        "medicationCodeableConcept": {"text": name},
        "dosageInstruction": [{"route": {"text": route}}],
    }


def creatinine(at: str, value: float) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]},
        "effectiveDateTime": at,
        "valueQuantity": {"value": value, "unit": "mg/dL"},
    }


@pytest.mark.parametrize(
    ("resources", "tags"),
    [
        ([drug_order("Vancomycin"), drug_order("Piperacillin-Tazobactam")],
         ["vancomycin with piperacillin-tazobactam"]),
        ([drug_order("Vancomycin Oral Liquid", "PO/NG")], []),
        ([drug_order("Ketorolac 0.5%", "BOTH EYES")], []),
        ([drug_order("Ketorolac", status="stopped")], []),
        ([drug_order("Lisinopril", "PO"), drug_order("Furosemide", "PO")], ["ACE inhibitor or ARB with diuretic"]),
        ([drug_order("Lisinopril", "PO"), drug_order("Furosemide"), drug_order("Ibuprofen", "PO")],
         ["ACE inhibitor or ARB with diuretic and NSAID"]),
        ([creatinine("2099-12-30T00:00:00Z", 1.0), creatinine("2099-12-31T00:00:00Z", 1.2)],
         ["creatinine rising"]),
        ([creatinine("2099-12-30T00:00:00Z", 1.0), creatinine("2099-12-31T00:00:00Z", 1.05)], []),
        ([creatinine("2099-11-30T00:00:00Z", 1.0), creatinine("2099-12-31T00:00:00Z", 2.0)], []),
    ],
)  # fmt: skip
def test_the_tags_of_the_patient_list_say_what_the_chart_holds(
    resources: list[dict[str, Any]], tags: list[str]
) -> None:
    assert findings(resources) == tags


def test_the_demo_has_a_patient_for_each_drug_rule_worth_showing() -> None:
    tags = {tag for entry in INDEX["patients"] for tag in entry["findings"]}
    wanted = {
        "vancomycin with piperacillin-tazobactam",
        "ACE inhibitor or ARB with diuretic",
        "ACE inhibitor or ARB with NSAID",
        "metformin",
    }
    assert wanted <= tags


def test_names_follow_from_the_record_number() -> None:
    assert fictional_name("10007795", "female", set()) == fictional_name("10007795", "female", set())


def test_a_build_that_fails_leaves_the_old_files_whole(tmp_path: Path) -> None:
    person = next(resource for resource in RESOURCES if resource["resourceType"] == "Patient")
    for name in ("patients.ndjson.gz", "index.json"):
        (tmp_path / name).write_bytes(b"old")

    def charts() -> Iterator[Chart]:
        yield Chart(person["id"], "a test", "no_aki", "", [person])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write(charts(), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "patients.ndjson.gz": b"old",
        "index.json": b"old",
    }


@pytest.mark.skipif(
    not SHARED.exists() or find_spec("pyarrow") is None, reason="the source data or the train group is not here"
)
def test_the_converter_writes_the_committed_bytes(tmp_path: Path) -> None:
    from sandbox.build_patients import build

    written, _, dropped = build(SHARED, tmp_path)
    assert written["Patient"] == 112
    assert dropped["diagnosis of the current or a later stay"] > 0
    assert (tmp_path / "index.json").read_bytes() == (BUNDLED_PATIENTS / "index.json").read_bytes()
    again = gzip.decompress((tmp_path / INDEX["data"]).read_bytes())
    assert again.decode().splitlines() == LINES


def test_every_moment_lies_inside_the_sources_time() -> None:
    for entry in INDEX["patients"]:
        assert datetime.fromisoformat(entry["source_moment"]).tzinfo == UTC
