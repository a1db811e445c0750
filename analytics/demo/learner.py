"""The story of one visitor, told a visit at a time.

`Learner.visit()` makes the events of the next visit and decides whether and when there is another. Each visit has its own generator of
random numbers, seeded by the person and the visit's number, so a story can be left and taken up again and takes little room meanwhile.
"""

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from analytics.demo.people import Person
from analytics.demo.school import FREE_LESSONS, Course, Lesson

Event = dict[str, Any]
_SITE = "https://school.example"
_MOST_VISITS = 60


@dataclass(slots=True)
class _Study:
    """A course somebody is in: the next lesson, whether it is paid for, and the quiz scores so far."""

    course: Course
    lesson: int = 0
    paid: bool = False
    asked: int = 0
    score_sum: float = 0.0
    quizzes: int = 0

    @property
    def finished(self) -> bool:
        return self.lesson >= len(self.course.lessons)


class Learner:
    """One visitor from the first page to the last. `next_ms` is when the next visit starts, None when there is none."""

    __slots__ = ("_count", "_done", "_refund_ms", "_seed", "_signed_up", "_study", "_visit", "next_ms", "person")

    def __init__(self, person: Person, seed: str, first_ms: int) -> None:
        self.person = person
        self._seed = seed
        self._visit = 0
        self._count = 0
        self._signed_up = False
        self._study: _Study | None = None
        self._done: tuple[str, ...] = ()
        self._refund_ms = 0
        self.next_ms: int | None = first_ms

    def visit(self, school: Sequence[Course], from_ms: int = 0) -> list[Event]:
        """The events of the visit at `next_ms`, in order of time, without those before `from_ms`; moves `next_ms` on.

        `timestamp` is in milliseconds.
        """
        start_ms = self.next_ms
        if start_ms is None:
            return []
        self._visit += 1
        rng = random.Random(f"{self._seed}/{self._visit}")  # noqa: S311 - a story, not a secret
        scene = _Scene(self, rng, start_ms, from_ms)
        stays = self._return(scene, school, rng) if self._signed_up else self._first_steps(scene, school, rng)
        self.next_ms = self._following(scene.now_ms, rng) if stays and self._visit < _MOST_VISITS else None
        return scene.events

    # ---- visits ---------------------------------------------------------------------------------------------------------------------

    def _first_steps(self, scene: "_Scene", school: Sequence[Course], rng: random.Random) -> bool:
        """Looking around without an account; whether they come again."""
        person, course = self.person, _choose(school, self._done, rng)
        scene.page(rng.choices(("/", f"/courses/{course.slug}", "/blog/how-people-learn"), (4, 4, 1))[0], landing=True)
        quality = person.source.quality
        if rng.random() < 0.44 / quality**0.5:
            return rng.random() < 0.12  # a bounce
        for _ in range(rng.randint(1, 4)):
            scene.wait(rng.expovariate(1 / 40))
            course = _choose(school, self._done, rng)
            scene.page(f"/courses/{course.slug}")
            if rng.random() < 0.12:
                scene.add("search_performed", {"query": course.category, "results": rng.randint(0, 12)})
        if rng.random() > min(0.9, 0.46 * quality):
            return rng.random() < 0.2
        scene.wait(rng.uniform(20, 90))
        scene.page("/sign-up")
        self._signed_up = True
        scene.add("$identify", {"plan": "free", "country": person.place.country, "sign_up_source": person.source.source})
        scene.add("signed_up", {"method": rng.choices(("email", "google", "apple"), (5, 4, 1))[0], "course_id": course.id})
        if rng.random() < 0.82:
            self._enrol(scene, course)
            return self._learn(scene, rng)
        return rng.random() < 0.35

    def _return(self, scene: "_Scene", school: Sequence[Course], rng: random.Random) -> bool:
        scene.page("/dashboard", landing=rng.random() < 0.1)
        if self._refund_ms:
            self._refund(scene)
            return False
        if self._study is None or self._study.finished:
            course = _choose(school, self._done, rng)
            scene.wait(rng.uniform(10, 120))
            scene.page(f"/courses/{course.slug}")
            if rng.random() > 0.55 * self.person.persona.perseverance:
                return rng.random() < 0.3
            self._enrol(scene, course)
        return self._learn(scene, rng)

    def _enrol(self, scene: "_Scene", course: Course) -> None:
        scene.add("course_enrolled", {"course_id": course.id, "category": course.category, "price": course.price})
        self._study = _Study(course)
        self._done += (course.id,)

    # ---- a sitting ------------------------------------------------------------------------------------------------------------------

    def _learn(self, scene: "_Scene", rng: random.Random) -> bool:
        """Some lessons in a row; whether they come again."""
        persona, study = self.person.persona, self._study
        if study is None:
            return False
        for _ in range(max(1, round(rng.gauss(persona.lessons_a_visit, 0.8)))):
            if study.course.price and not study.paid and study.lesson >= FREE_LESSONS:
                study.asked += 1
                if not self._buy(scene, study, rng):
                    return study.asked < 3 and rng.random() < 0.4
            lesson = study.course.lessons[study.lesson]
            if not self._lesson(scene, study, lesson, rng):
                return rng.random() < persona.perseverance - 0.3
            study.lesson += 1
            if study.finished:
                self._finish(scene, study, rng)
                return rng.random() < 0.6
            if rng.random() > persona.perseverance - 0.06 * lesson.difficulty:
                return False
        return True

    def _lesson(self, scene: "_Scene", study: _Study, lesson: Lesson, rng: random.Random) -> bool:
        """One lesson; whether it was completed."""
        course, persona = study.course, self.person.persona
        about: Event = {"course_id": course.id, "lesson_id": lesson.id, "lesson_number": study.lesson + 1}
        scene.wait(rng.uniform(4, 30))
        scene.page(f"/learn/{course.slug}/{study.lesson + 1}")
        scene.add("lesson_started", about)
        video: Event = {**about, "video_id": lesson.video_id, "duration_seconds": lesson.seconds}
        scene.wait(rng.uniform(2, 12))
        scene.add("video_started", video)
        speed = rng.choices((1.0, 1.25, 1.5, 2.0), (6, 2, 2, 0.5))[0]
        for percent in (25, 50, 75):
            scene.wait(lesson.seconds / 4 / speed)
            if rng.random() < 0.025 + 0.05 * lesson.difficulty * (2 - persona.skill):
                return False
            scene.add("video_progress", {**video, "percent": percent, "speed": speed})
        scene.wait(lesson.seconds / 4 / speed)
        if rng.random() < 0.94:
            scene.add("video_completed", {**video, "speed": speed})
        if lesson.quiz_id and not self._quiz(scene, study, lesson, about, rng):
            return False
        scene.wait(rng.uniform(5, 60))
        minutes = round((lesson.seconds / speed + 120) / 60, 1)
        scene.add("lesson_completed", {**about, "minutes": minutes, "progress": round((study.lesson + 1) / len(course.lessons), 3)})
        if rng.random() < 0.03:
            scene.add("question_asked", about)
        return True

    def _quiz(self, scene: "_Scene", study: _Study, lesson: Lesson, about: Event, rng: random.Random) -> bool:
        """Up to three attempts; whether it was passed (half right)."""
        for attempt in (1, 2, 3):
            scene.wait(rng.uniform(5, 40))
            scene.add("quiz_started", {**about, "quiz_id": lesson.quiz_id, "attempt": attempt})
            scene.wait(rng.uniform(60, 240))
            score = round(min(1.0, max(0.0, rng.gauss(self.person.persona.skill + 0.06 * attempt - 0.12 * lesson.difficulty, 0.16))), 2)
            passed = score >= 0.5
            scene.add("quiz_submitted", {**about, "quiz_id": lesson.quiz_id, "attempt": attempt, "score": score, "passed": passed})
            if passed:
                study.score_sum += score
                study.quizzes += 1
                return True
            if rng.random() < 0.25:
                return False
        return False

    def _finish(self, scene: "_Scene", study: _Study, rng: random.Random) -> None:
        course, score = study.course, round(study.score_sum / max(1, study.quizzes), 2)
        scene.add("course_completed", {"course_id": course.id, "score": score})
        if score >= 0.6:
            scene.wait(rng.uniform(5, 30))
            scene.add("certificate_issued", {"course_id": course.id, "score": score})
        if rng.random() < 0.3:
            stars = rng.choices((5, 4, 3, 2, 1), (10, 7, 2, 1, 1))[0]
            scene.add("review_submitted", {"course_id": course.id, "stars": stars})

    # ---- money ----------------------------------------------------------------------------------------------------------------------

    def _buy(self, scene: "_Scene", study: _Study, rng: random.Random) -> bool:
        person, course = self.person, study.course
        currency = person.place.currency
        amount = course.price_in(currency)
        coupon = "HALF" if person.source.campaign == "half-price" else ""
        if coupon:
            amount = round(amount / 2, 2)
        order = {"course_id": course.id, "amount": amount, "currency": currency, **({"coupon": coupon} if coupon else {})}
        scene.wait(rng.uniform(5, 60))
        scene.page(f"/checkout/{course.slug}")
        if rng.random() > min(0.95, person.persona.pays * person.source.quality**0.5 * (1.3 if coupon else 1.0) * 1.6):
            return False
        scene.add("checkout_started", order)
        if rng.random() > 0.68:
            return False
        for _ in range(2):
            scene.wait(rng.uniform(30, 150))
            if rng.random() < 0.92:
                payment: Event = {"course_id": course.id, "revenue": amount, "currency": currency}
                scene.add("payment_succeeded", {**payment, "method": rng.choices(("card", "paypal", "invoice"), (7, 3, 0.4))[0]})
                study.paid = True
                if rng.random() < 0.035:
                    self._refund_ms = scene.now_ms
                return True
            scene.add("payment_failed", {"course_id": course.id, "amount": amount, "currency": currency, "reason": "card_declined"})
        return False

    def _refund(self, scene: "_Scene") -> None:
        study = self._study
        if study is not None and study.paid:
            currency = self.person.place.currency
            scene.wait(45)
            scene.page("/account/refund")
            refund = -study.course.price_in(currency) / (2 if self.person.source.campaign == "half-price" else 1)
            scene.add("payment_refunded", {"course_id": study.course.id, "revenue": round(refund, 2), "currency": currency})

    # ---- time -----------------------------------------------------------------------------------------------------------------------

    def _following(self, now_ms: int, rng: random.Random) -> int:
        """When the next visit starts: a gap of whole days, a day of the week and an hour to this person's taste."""
        persona, place = self.person.persona, self.person.place
        today = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(place.timezone)).date()
        day = today + timedelta(days=max(1, round(rng.expovariate(1 / persona.gap_days))))
        for _ in range(6):
            taste = persona.weekend if day.weekday() >= 5 else 1.0
            if rng.random() < taste / max(1.0, persona.weekend):
                break
            day += timedelta(days=1)
        return max(local_instant_ms(rng, day, place.timezone, persona.hours), now_ms + 3_600_000)

    def count_event(self) -> None:
        """One more event happened; its number goes into its id."""
        self._count += 1

    def event_id(self, at_ms: int) -> str:
        """The id of the event just counted: a UUID of version 7 whose random part is a hash of the story and the event's number."""
        digest = hashlib.blake2b(f"{self._seed}#{self._count}".encode(), digest_size=10).hexdigest()
        return f"{at_ms >> 16:08x}-{at_ms & 0xFFFF:04x}-7{digest[:3]}-{'89ab'[int(digest[3], 16) & 3]}{digest[4:7]}-{digest[7:19]}"

    @property
    def signed_up(self) -> bool:
        """Whether there is an account by now."""
        return self._signed_up

    @property
    def visits(self) -> int:
        """Visits so far, the present one included."""
        return self._visit


class _Scene:
    """A visit under way: a clock, a page, a device, and the events so far."""

    def __init__(self, learner: Learner, rng: random.Random, start_ms: int, from_ms: int) -> None:
        self._learner = learner
        self._from_ms = from_ms
        self.now_ms = start_ms
        self.events: list[Event] = []
        person = learner.person
        agent = person.phone if rng.random() < person.phone_share else person.desktop
        self._shared: Event = {"ip": person.ip, "user_agent": agent, "locale": person.place.locale, "timezone": person.place.timezone}
        self._session = f"s-{person.key}-{learner.visits}"
        self._url = _SITE + "/"
        self._referrer = ""
        self._campaign: Event = {}

    def wait(self, seconds: float) -> None:
        """Let time go by."""
        self.now_ms += max(1, int(seconds * 1000))

    def page(self, path: str, landing: bool = False) -> None:
        """Go to a page; a landing carries where the person came from, which holds for the visit."""
        source = self._learner.person.source
        self._referrer = source.referrer if landing else self._url
        if landing and source.medium:
            self._campaign = {"campaign": {"source": source.source, "medium": source.medium, "name": source.campaign}}
        self._url = _SITE + path
        self.add("page_view", {})

    def add(self, name: str, properties: Event) -> None:
        """Note an event, now."""
        self.now_ms += 7
        learner, person = self._learner, self._learner.person
        learner.count_event()
        if self.now_ms < self._from_ms:
            return
        page = {"url": self._url, "referrer": self._referrer} if self._referrer else {"url": self._url}
        event: Event = {"event_id": learner.event_id(self.now_ms), "event": name, "timestamp": self.now_ms}
        if learner.signed_up:
            event["user_id"] = f"u-{person.key}"
        if not learner.signed_up or name == "$identify":
            event["anonymous_id"] = f"a-{person.key}"
        event["session_id"] = self._session
        event["properties"] = properties
        event["context"] = {**self._shared, "page": page, **self._campaign}
        self.events.append(event)


def local_instant_ms(rng: random.Random, day: date, timezone: str, hours: Sequence[float]) -> int:
    """An instant on the local `day`, at an hour drawn from `hours`."""
    hour = rng.choices(range(24), hours)[0]
    return _midnight_ms(day, timezone) + int((hour + rng.random()) * 3_600_000)


@lru_cache(maxsize=2_000)
def _midnight_ms(day: date, timezone: str) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)).timestamp() * 1000)


def _choose(school: Sequence[Course], done: tuple[str, ...], rng: random.Random) -> Course:
    left = [course for course in school if course.id not in done] or list(school)
    return rng.choices(left, [course.pull for course in left])[0]


def days(first: date, last: date) -> Iterator[date]:
    """Every day from `first` to `last`, both included."""
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def start_of(day: date) -> int:
    """Midnight UTC of `day`, in milliseconds."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
