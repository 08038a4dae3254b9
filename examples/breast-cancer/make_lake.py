"""Lay out scikit-learn's copy of the Wisconsin breast cancer data set as a small append-only lake.

    python make_lake.py [DIRECTORY]

One partition a week, `dt=YYYY-MM-DD/part-0.csv`, in the data set's own order. A partition that is there already is never
rewritten: the script fails if it would come out differently.
"""

import sys
from datetime import date, timedelta
from pathlib import Path

from sklearn.datasets import load_breast_cancer

FIRST_DAY = date(2026, 1, 5)
PATIENTS_PER_WEEK = 72


def main(lake: Path) -> None:
    dataset = load_breast_cancer(as_frame=True)
    frame = dataset.data.rename(columns=lambda name: name.replace(" ", "_"))
    frame.insert(0, "patient_id", range(1, len(frame) + 1))
    frame["malignant"] = 1 - dataset.target  # the data set itself says 0 for malignant
    for week, start in enumerate(range(0, len(frame), PATIENTS_PER_WEEK)):
        day = FIRST_DAY + timedelta(weeks=week)
        part = lake / f"dt={day}" / "part-0.csv"
        content = frame.iloc[start : start + PATIENTS_PER_WEEK].to_csv(index=False, lineterminator="\n")
        if part.exists():
            if part.read_text() != content:
                sys.exit(f"{part} is there already with another content; the lake is append-only")
            continue
        part.parent.mkdir(parents=True)
        part.write_text(content)
        print(f"{part}: {content.count(chr(10)) - 1} rows")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "lake")
