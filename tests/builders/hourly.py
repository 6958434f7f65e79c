"""An hourly table as a hospital would bring it."""

from pathlib import Path


def hourly_table(path: Path, patients: int, *, sicker_rise: bool = False) -> None:
    """Made-up patients, every third of whom has a rise; those are also the sicker ones, if wished. Nobody real."""
    rows = ["patient_id,hour,age_years,sex,creatinine_mg_dl,urea_nitrogen_mg_dl,mean_bp_mmhg"]
    for number in range(patients):
        sex, level = ("female", "male")[number % 2], 0.7 + number % 7 / 10
        rise = 0.4 if number % 3 == 0 else 0.1 * (number % 2)
        ill = 30 if sicker_rise and number % 3 == 0 else 0
        for hour, creatinine in ((0, level), (20, level + 0.1 * (number % 2)), (40, level + rise)):
            urea, pressure = 12 + number % 40 + 2 * ill, 60 + number % 30 - ill / 2
            age = 40 + number % 50 + ill / 3
            rows.append(f"p{number},{hour},{age:.0f},{sex},{creatinine:.1f},{urea},{pressure:.0f}")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
