"""RxNorm ingredient codes of the drugs that occur in the records, each confirmed in a published list.

Kidney and common drugs: OHDSI PhenotypeLibrary and HL7 PDDI-CDS value sets (CC0). ACE inhibitors, angiotensin
blockers, torsemide, dabigatran, rivaroxaban, enoxaparin: RxNav's ingredients by ATC class, each agreeing with a
second list. All others: CPIC's drug table (github.com/cpicpgx/cpic-schema, drug.sql). A drug not listed stays
without an ingredient code; none is written from memory.
"""

import re

_LISTED = """
5640 ibuprofen; 7258 naproxen; 3355 diclofenac; 35827 ketorolac; 5781 indomethacin; 140587 celecoxib
41493 meloxicam; 24605 etodolac; 31448 nabumetone; 1191 aspirin; 1596450 gentamicin; 10627 tobramycin
641 amikacin; 7299 neomycin; 11124 vancomycin; 8339 piperacillin; 7233 nafcillin; 2709 colistin
8536 polymyxin b; 10829 trimethoprim; 10180 sulfamethoxazole; 300195 tenofovir disoproxil; 3008 cyclosporine
141704 everolimus; 6851 methotrexate; 2555 cisplatin; 40048 carboplatin; 5657 ifosfamide; 9524 sulfasalazine
38404 topiramate; 39998 zonisamide; 4603 furosemide; 5487 hydrochlorothiazide; 2409 chlorthalidone
5764 indapamide; 6916 metolazone; 9997 spironolactone; 298869 eplerenone; 7646 omeprazole; 283742 esomeprazole
40790 pantoprazole; 17128 lansoprazole; 114979 rabeprazole; 6809 metformin; 1373458 canagliflozin
1488564 dapagliflozin; 1545653 empagliflozin; 25480 gabapentin; 187832 pregabalin; 7052 morphine; 3407 digoxin
4815 glyburide; 593411 sitagliptin
1998 captopril; 3827 enalapril; 29046 lisinopril; 35296 ramipril; 83818 irbesartan; 52175 losartan
69749 valsartan; 38413 torsemide; 1037042 dabigatran; 1114195 rivaroxaban; 67108 enoxaparin
519 allopurinol; 83367 atorvastatin; 42347 bupropion; 2002 carbamazepine; 20352 carvedilol; 2551 ciprofloxacin
2556 citalopram; 32968 clopidogrel; 2670 codeine; 3289 dextromethorphan; 3322 diazepam; 135447 donepezil
72625 duloxetine; 4053 erythromycin; 321988 escitalopram; 4179 etoposide; 4337 fentanyl; 4493 fluoxetine
50121 fluticasone propionate; 4821 glipizide; 5093 haloperidol; 5470 hydralazine; 6058 isosorbide dinitrate
28439 lamotrigine; 43611 latanoprost; 6313 leucovorin; 82122 levofloxacin; 6387 lidocaine; 6813 methadone
6835 methimazole; 6915 metoclopramide; 6918 metoprolol; 6960 midazolam; 15996 mirtazapine; 139462 moxifloxacin
7242 naloxone; 7407 nicotine; 61381 olanzapine; 26225 ondansetron; 32592 oxaliplatin; 7804 oxycodone
32937 paroxetine; 8120 phenazopyridine; 8183 phenytoin; 42463 pravastatin; 8787 propranolol; 9068 quinidine
283821 rasburicase; 301542 rosuvastatin; 435 albuterol; 36117 salmeterol; 36437 sertraline; 36567 simvastatin
10154 succinylcholine; 10324 tamoxifen; 77492 tamsulosin; 10600 timolol; 69120 tiotropium; 10689 tramadol
121243 voriconazole; 11289 warfarin
"""
_ROWS = (row.strip().split(" ", 1) for row in re.split(r"[;\n]", _LISTED) if row.strip())
INGREDIENTS: dict[str, str] = {name: code for code, name in _ROWS}
_ALSO_KNOWN = {"sulfameth/trimethoprim": ("10180", "10829"), "smx/tmp": ("10180", "10829")}
_NAMES = {code: name for name, code in INGREDIENTS.items()}


def ingredients_named(text: str) -> list[tuple[str, str]]:
    """Code and name of each listed ingredient that `text` names as a whole word."""
    lower = text.lower()
    found = [code for alias, pair in _ALSO_KNOWN.items() if alias in lower for code in pair]
    for ingredient, code in INGREDIENTS.items():
        if re.search(rf"\b{re.escape(ingredient)}\b", lower) and code not in found:
            found.append(code)
    return [(code, _NAMES[code]) for code in found]
