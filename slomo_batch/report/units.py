"""Numbers and reasons, formatted for people."""


def duration(seconds: float) -> str:
    """Seconds for a person: 42 s, 3 min 20 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes:02} min"


def clock(seconds: float) -> str:
    """Seconds of video for a person: 2.2 s, 1:05, 2:00:00."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(num_bytes: int) -> str:
    """Bytes for a person: 512 B, 1.5 MB."""
    value, unit = float(num_bytes), "B"
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if value < 1000 or unit == "PB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 video, 1,200 videos."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def without_uri(reason: str, uri: str) -> str:
    """The reason of a failure without the URI that it starts with, for a line that names the URI already."""
    return reason.removeprefix(f"{uri}: ")


def spent(spent_hours: float, budget_hours: float, price_per_hour: float | None) -> str:
    """What is spent of a budget: 12 h 18 min of 200 h 00 min, or 14.76 of 500.00."""
    return f"{hours_or_money(spent_hours, price_per_hour)} of {hours_or_money(budget_hours, price_per_hour)}"


def hours_or_money(hours: float, price_per_hour: float | None) -> str:
    """Machine hours as a time, or as what they cost."""
    return duration(3600 * hours) if price_per_hour is None else f"{hours * price_per_hour:,.2f}"
