"""Loading the demo: everything in one transaction, once."""

from dataclasses import asdict, dataclass
from datetime import datetime, time, timedelta

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction

from concert_site.accounts.models import User
from concert_site.demo import programme, sample_fans
from concert_site.demo.house import load_house
from concert_site.lib.zones import zone_of
from payments.models import Payment
from reservations.domain.posters import Poster, store_poster
from reservations.domain.schedules import ScheduleTimes, create_schedule, database_now
from reservations.halls.curved import curved_hall
from reservations.halls.hall import Hall, plain_hall
from reservations.models import Concert, ConcertSchedule, ConcertSeat, Venue
from wallet.domain import ledger

POCKET_MONEY = 600_000
SAMPLE_FANS = 180
FANS_INSIDE, FANS_IN_LINE = 3, 60
# Long enough to find the lobby and to look around in it, short enough to wait for the draw.
LOBBY_MINUTES = 10
FANS_GATHERED, FANS_IN_AT_ONCE = 40, 12
# Of the hall that is on sale, one party of seats in so many has gone already.
SOLD_ONE_IN = 5
MINUTES_A_DAY = 24 * 60
# Any number that nothing else locks: loading twice at once is loading once.
LOCK = 0xDE30


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """An account to try the demo with."""

    title: str
    email: str
    phrase: str


FAN = DemoLogin("Fan", "fan@frontrow.example", "front-row-2026")
STAFF = DemoLogin("Staff", "staff@frontrow.example", "front-row-2026")


@transaction.atomic(durable=True)
def load() -> bool:
    """Load the demo; returns whether there was anything to do."""
    with connection.cursor() as cursor:
        # Another load is waited for to its end, not for the two seconds that a request may take.
        cursor.execute("SET LOCAL lock_timeout = 0")
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    # One transaction writes it all, so whoever sees the login sees everything.
    if User.objects.filter(email=STAFF.email).exists():
        return False
    now = database_now()
    load_logins()
    load_house()
    fans = sample_fans.make_sample_fans(SAMPLE_FANS)
    load_upcoming(now)
    load_lobby(fans, now)
    load_line(fans, now)
    sample_fans.add_wallets([*load_sold_out(fans, now), *load_on_sale(fans, now)])
    return True


def load_logins() -> None:
    secret = make_password(FAN.phrase)
    fan = User(email=FAN.email, name="김하늘", password=secret, locale="ko")
    staff = User(email=STAFF.email, name="Box Office", password=secret, is_staff=True, is_superuser=True)
    for user in User.objects.bulk_create([fan, staff]):
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    ledger.open_wallets(user_ids=[fan.pk], amount=POCKET_MONEY, note="Pocket money for the demo")


def evening(now: datetime, days: int) -> datetime:
    """Half past seven at the halls of the demo, so many days from now."""
    zone = zone_of(programme.SEOUL)
    return datetime.combine(now.astimezone(zone).date() + timedelta(days=days), time(19, 30), tzinfo=zone)


def times(now: datetime, *, opens_in_days: float, played_in_days: int) -> ScheduleTimes:
    """A sale that goes on until two hours before the concert."""
    concert_at = evening(now, played_in_days)
    return ScheduleTimes(
        opens_at=now + timedelta(days=opens_in_days), closes_at=concert_at - timedelta(hours=2), concert_at=concert_at
    )


def make(
    item: programme.ProgrammeEntry, hall: Hall, when: ScheduleTimes, **columns: object
) -> tuple[Concert, ConcertSchedule, list[ConcertSeat]]:
    poster = store_poster(Poster(suffix="svg", content=item.drawing))
    concert = Concert.objects.create(
        name=item.name,
        host=item.host,
        description=item.description,
        poster=poster,
        venue=Venue.objects.get_or_create(name=item.hall.name, defaults=asdict(item.hall))[0],
        genre=item.genre,
        running_minutes=item.minutes,
        age_rating=item.age,
        cast=item.cast,
        notices=item.notices,
        organiser=item.organiser,
        contact=item.contact,
        seller=item.seller,
    )
    schedule, seats = create_schedule(concert=concert, hall=hall, times=when, **columns)
    return concert, schedule, seats


def load_upcoming(now: datetime) -> None:
    """A concert whose sale opens in some days."""
    make(programme.UPCOMING, plain_hall(480, 88_000), times(now, opens_in_days=3, played_in_days=45))


def load_lobby(fans: list[User], now: datetime) -> None:
    """A concert whose sale opens in some minutes, with fans who gather for it."""
    # To the minute, as it is shown.
    minute = now.replace(second=0, microsecond=0)
    when = times(minute, opens_in_days=LOBBY_MINUTES / MINUTES_A_DAY, played_in_days=35)
    _, schedule, _ = make(programme.LOBBY, plain_hall(320, 77_000), when, queue_max_active=FANS_IN_AT_ONCE)
    sample_fans.add_lobby_tokens(schedule=schedule, fans=fans[-FANS_GATHERED:], at=now)


def load_line(fans: list[User], now: datetime) -> None:
    when = times(now, opens_in_days=-0.02, played_in_days=60)
    _, schedule, _ = make(
        programme.IN_LINE,
        plain_hall(800, 154_000),
        when,
        queue_max_active=FANS_INSIDE,
        queue_message=programme.LINE_MESSAGE,
    )
    sample_fans.add_line_tokens(schedule=schedule, fans=fans[: FANS_INSIDE + FANS_IN_LINE], inside=FANS_INSIDE, at=now)


def load_on_sale(fans: list[User], now: datetime) -> list[Payment]:
    """A concert that is on sale in the curved hall, with some of its seats gone."""
    concert, schedule, seats = make(programme.ON_SALE, curved_hall(), times(now, opens_in_days=-2, played_in_days=30))
    sold = list(sample_fans.parties(seats))[::SOLD_ONE_IN]
    return sample_fans.add_sales(concert=concert, schedule=schedule, sold=sold, fans=fans, at=now - timedelta(days=1))


def load_sold_out(fans: list[User], now: datetime) -> list[Payment]:
    concert, schedule, seats = make(
        programme.SOLD_OUT, plain_hall(160, 66_000), times(now, opens_in_days=-7, played_in_days=21)
    )
    sold = list(sample_fans.parties(seats))
    return sample_fans.add_sales(concert=concert, schedule=schedule, sold=sold, fans=fans, at=now - timedelta(days=6))
