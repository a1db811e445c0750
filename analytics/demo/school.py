"""What the school offers: courses, their lessons, and what they cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FREE_LESSONS = 3
CURRENCY_FACTORS: Mapping[str, float] = {"EUR": 1.0, "USD": 1.1, "GBP": 0.9}


@dataclass(frozen=True, slots=True)
class Lesson:
    """One lesson: a video of `seconds`, and a quiz unless `quiz_id` is empty. `difficulty` in 0..1 makes people stop."""

    id: str
    title: str
    video_id: str
    seconds: int
    quiz_id: str
    difficulty: float


@dataclass(frozen=True, slots=True)
class Course:
    """A course. `price` in euro, 0 for a free one; a paid one opens with FREE_LESSONS free lessons. `pull` is its share of interest."""

    id: str
    slug: str
    title: str
    category: str
    price: int
    pull: float
    lessons: Sequence[Lesson]

    def price_in(self, currency: str) -> float:
        """The price, rounded to something that ends in 9."""
        return float(max(9, round(self.price * CURRENCY_FACTORS[currency] / 10) * 10 - 1))


# slug, title, category, price, pull, subjects of the lessons
_PLANS: Sequence[tuple[str, str, str, int, float, str]] = (
    (
        "python-basics",
        "Python from the start",
        "programming",
        0,
        10,
        "Values Names Choices Loops Lists Functions Files Errors Modules Project",
    ),
    (
        "python-data",
        "Python for data",
        "programming",
        120,
        9,
        "Arrays Tables Reading Cleaning Joining Grouping Dates Charts Maps Sampling Models Testing Speed Project",
    ),
    (
        "sql-questions",
        "Questions in SQL",
        "data",
        90,
        8,
        "Select Where Sort Group Join Windows Subqueries Dates Plans Indexes Views Project",
    ),
    (
        "statistics",
        "Statistics without fear",
        "data",
        110,
        6,
        "Means Spread Chance Bayes Samples Intervals Tests Errors Regression Residuals Design Bias Power Practice",
    ),
    ("spreadsheets", "Spreadsheets that hold", "data", 0, 7, "Cells Formulas Tables Lookups Pivots Checks Charts Sharing"),
    ("web-pages", "Your first web page", "programming", 0, 6, "Text Links Pictures Boxes Colours Layout Forms Publishing"),
    (
        "web-apps",
        "Web applications",
        "programming",
        150,
        5,
        "Requests Routes Templates Forms Sessions Databases Accounts Files Tests Logs Caching Jobs Deploying Watching Scaling Project",
    ),
    ("drawing", "Drawing what you see", "art", 60, 4, "Lines Shapes Light Shade Hands Faces Perspective Trees Streets Sketchbook"),
    (
        "piano-one",
        "Piano, first year",
        "music",
        80,
        5,
        "Posture Notes Rhythm Scales Chords Left Right Together Pedal Dynamics Sightreading Etude Recital",
    ),
    (
        "spanish-a1",
        "Spanish A1",
        "languages",
        70,
        7,
        "Hello Numbers Family Food Time House Work Travel Weather Health Shopping Past Stories Exam",
    ),
    (
        "spanish-a2",
        "Spanish A2",
        "languages",
        80,
        4,
        "Review Past Imperfect Plans Advice Letters News City Country Music Jobs Dreams Stories Exam",
    ),
    ("writing", "Writing that is read", "business", 50, 3, "Reader Purpose Outline Draft Cut Verbs Rhythm Numbers Edit Publish"),
    ("founders", "Money for founders", "business", 140, 3, "Costs Prices Margins Cash Tax Plans Loans Shares Hiring Reports Risks Exit"),
    ("photography", "Photography by hand", "art", 90, 3, "Light Lens Shutter Aperture Focus Frame People Night Edit Print Series"),
)


def build_school() -> Sequence[Course]:
    """The catalogue, the same every time."""
    return tuple(
        Course(f"c-{101 + number}", slug, title, category, price, pull, _lessons(number, subjects.split()))
        for number, (slug, title, category, price, pull, subjects) in enumerate(_PLANS)
    )


def _lessons(course: int, subjects: Sequence[str]) -> Sequence[Lesson]:
    lessons: list[Lesson] = []
    for number, subject in enumerate(subjects):
        name = f"{101 + course}-{number + 1:02d}"
        seconds = 240 + (course * 137 + number * 251) % 840
        has_quiz = number % 3 != 1 or number == len(subjects) - 1
        # The second lesson and the middle of a course are where people leave.
        difficulty = 0.25 + 0.5 * ((number * 7 + course * 3) % 10) / 10 + (0.15 if number in (1, len(subjects) // 2) else 0.0)
        lessons.append(Lesson(f"l-{name}", subject, f"v-{name}", seconds, f"q-{name}" if has_quiz else "", difficulty))
    return tuple(lessons)
