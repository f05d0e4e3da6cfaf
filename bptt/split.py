"""The split of a text into training, validation and test, as a setting writes it."""

from .strict import shown

ALL = "all"  # train on the whole of the text


def shares(split: str) -> tuple[float, float, float]:
    """Read TRAIN/VALIDATION[/TEST], such as 90/5/5, as shares that add up to 1, or "all".

    Raises ValueError for anything else.
    """
    if split == ALL:
        return 1.0, 0.0, 0.0
    try:
        parts = [float(part) for part in split.split("/")]
    except ValueError:
        parts = []
    if len(parts) not in (2, 3) or not all(0 <= part < 1e9 for part in parts) or parts[0] == 0:
        raise ValueError(
            "split must be TRAIN/VALIDATION/TEST, such as 90/5/5, or TRAIN/VALIDATION, or all, "
            f"got {shown(split)}"
        )
    train, validation, test = (*parts, 0.0)[:3]
    whole = sum(parts)
    return train / whole, validation / whole, test / whole
