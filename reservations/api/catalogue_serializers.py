"""What the public reads take and answer."""

from rest_framework import serializers

from queueing.facts import SaleState
from reservations.halls.areas import Shape
from reservations.models import ConcertStatus, Genre
from reservations.queries.concerts import LONGEST_SEARCH


class CatalogueQuery(serializers.Serializer[dict[str, object]]):
    """The filters of the list of concerts."""

    search = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=LONGEST_SEARCH,
        help_text="Every word is somewhere in name, host, cast, description, venue or genre. Blanks, punctuation, case"
        " and width make no difference, and initials of Hangul are words too.",
    )
    date = serializers.DateField(
        required=False, help_text="Concerts that are played on this date, in the venue's time zone."
    )
    date_from = serializers.DateField(required=False, help_text="Concerts that are played on this date or later.")
    date_to = serializers.DateField(required=False, help_text="Concerts that are played on this date or earlier.")
    genre = serializers.ChoiceField(required=False, choices=Genre.values, help_text="Concerts of this genre.")
    venue = serializers.CharField(
        required=False,
        max_length=LONGEST_SEARCH,
        help_text="Concerts at the venue with this id, or with every one of these words in its name or address.",
    )
    sale_state = serializers.ChoiceField(
        required=False,
        choices=list(SaleState),
        help_text="Concerts with a schedule, within those dates if given, in this state.",
    )


class PriceOut(serializers.Serializer[object]):
    """What a category costs, in the currency's minor unit."""

    category = serializers.CharField()
    seat_price = serializers.IntegerField()


class ChangeReasonsOut(serializers.Serializer[object]):
    """The same reason in the languages in which the house gave it."""

    ko = serializers.CharField()
    en = serializers.CharField()


class ScheduleOut(serializers.Serializer[object]):
    """One date of a concert."""

    id = serializers.IntegerField()
    concert = serializers.IntegerField()
    concert_date = serializers.DateField()
    concert_at = serializers.DateTimeField()
    time_zone = serializers.CharField(
        help_text="The venue's, else the house's: a name of the IANA's list, such as Asia/Seoul. Say times in it."
    )
    moved_from = serializers.DateField(
        allow_null=True, help_text="The day it was announced for, where it was moved to another one; else null."
    )
    first_concert_at = serializers.DateTimeField(
        allow_null=True, help_text="When it was first announced for, had it moved since, be it by an hour; else null."
    )
    canceled_at = serializers.DateTimeField(
        allow_null=True,
        help_text="When the date was canceled: it isn't played, its `sale_state` is CLOSED for good, and whoever had "
        "paid is refunded in full; else null.",
    )
    change_reasons = ChangeReasonsOut(help_text="Why it was moved or canceled, as fans read it; empty where not said.")
    reservation_available_at = serializers.DateTimeField()
    deadline_at = serializers.DateTimeField()
    sale_state = serializers.ChoiceField(choices=list(SaleState))
    tickets_per_fan = serializers.IntegerField()
    prices = PriceOut(many=True)
    seats_left = serializers.IntegerField()


class VenueOut(serializers.Serializer[object]):
    """Where a concert is played; what isn't known of it is empty."""

    name = serializers.CharField()
    address = serializers.CharField()
    time_zone = serializers.CharField(help_text="A name of the IANA's list, such as Asia/Seoul.")
    map_url = serializers.CharField(help_text="An address of a map, to be opened elsewhere.")


class ConcertOut(serializers.Serializer[object]):
    """A concert with its schedules. What the house hasn't said is null, or an empty text."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    host = serializers.CharField()
    description = serializers.CharField()
    status = serializers.ChoiceField(choices=ConcertStatus.choices)
    poster = serializers.CharField(allow_null=True, help_text="An address on this site: WebP, or SVG in the demo.")
    venue = VenueOut(allow_null=True, help_text="Null until the house says where.")
    genre = serializers.ChoiceField(choices=["", *Genre.values], help_text="Empty if none was chosen.")
    running_minutes = serializers.IntegerField(allow_null=True, help_text="Intervals included.")
    age_rating = serializers.IntegerField(
        allow_null=True, help_text="From which age (in years) on somebody may come; 0 is everybody."
    )
    cast = serializers.CharField()
    notices = serializers.CharField(help_text="What to know beforehand, a paragraph a line.")
    organiser = serializers.CharField()
    contact = serializers.CharField(help_text="Where to ask about the concert.")
    seller = serializers.CharField(help_text="Who sells, if not the house itself; a fact a line.")
    schedules = ScheduleOut(many=True)


class SizeOut(serializers.Serializer[object]):
    """The size of a map in its own units."""

    width = serializers.FloatField()
    height = serializers.FloatField()


class CategoryOut(serializers.Serializer[object]):
    """A price category and its colour on the map."""

    name = serializers.CharField()
    color = serializers.CharField()


class PointOut(serializers.Serializer[object]):
    """A point, counted from its area's own."""

    x = serializers.FloatField()
    y = serializers.FloatField()


class AreaOut(serializers.Serializer[object]):
    """Something on the map that is no seat: the stage, the bar. Which measures it has is its shape's matter."""

    shape = serializers.ChoiceField(choices=list(Shape))
    x = serializers.FloatField(help_text="The corner of a rectangle, the centre of a circle or an ellipse.")
    y = serializers.FloatField()
    rotation = serializers.FloatField(help_text="Degrees clockwise around x and y.")
    color = serializers.CharField()
    text = serializers.CharField(help_text="May be empty.")
    border_color = serializers.CharField(required=False)
    width = serializers.FloatField(required=False, help_text="Of a rectangle.")
    height = serializers.FloatField(required=False)
    radius = serializers.FloatField(required=False, help_text="Of a circle.")
    radius_x = serializers.FloatField(required=False, help_text="Of an ellipse.")
    radius_y = serializers.FloatField(required=False)
    points = PointOut(many=True, required=False, help_text="Of a polygon, counted from x and y.")
    text_x = serializers.FloatField(required=False, help_text="Where the text is centred, counted from x and y.")
    text_y = serializers.FloatField(required=False)
    text_size = serializers.FloatField(required=False)
    text_color = serializers.CharField(required=False)


class LabelOut(serializers.Serializer[object]):
    """A text on the map, centred on its point."""

    text = serializers.CharField()
    x = serializers.FloatField()
    y = serializers.FloatField()
    size = serializers.FloatField()


class LayoutOut(serializers.Serializer[object]):
    """What is drawn around the seats."""

    size = SizeOut()
    areas = AreaOut(many=True)
    labels = LabelOut(many=True)
    categories = CategoryOut(many=True)


class SeatOut(serializers.Serializer[object]):
    """A seat as far as a sale doesn't change it; x and y in the layout's units from the top left."""

    id = serializers.IntegerField()
    section = serializers.CharField()
    row = serializers.CharField()
    seat_number = serializers.IntegerField()
    seat_label = serializers.CharField()
    seat_price = serializers.IntegerField()
    category = serializers.CharField()
    x = serializers.FloatField()
    y = serializers.FloatField()
    accessible = serializers.BooleanField()


class SeatsOut(serializers.Serializer[object]):
    """The map of a schedule."""

    layout_version = serializers.IntegerField()
    layout = LayoutOut()
    seats = SeatOut(many=True)


class AvailabilityOut(serializers.Serializer[object]):
    """The live state of every seat."""

    version = serializers.CharField()
    layout_version = serializers.IntegerField()
    seats = serializers.CharField(
        help_text="A letter a seat in the order of seats/: A to be had, T held, R reserved, U not on sale."
    )
    seats_left = serializers.IntegerField()


class AvailabilityChangesOut(serializers.Serializer[object]):
    """What is different since a version; all of it where that is not known any more, or as short."""

    version = serializers.CharField()
    layout_version = serializers.IntegerField()
    changes = serializers.CharField(
        required=False,
        help_text="Runs of letters that changed, each after the number of seats since the run before: "
        '"3AT12R": the fourth seat is A now, the fifth T, and after another twelve one is R.',
    )
    seats = serializers.CharField(required=False, help_text="In place of `changes`: all letters, as in availability/.")
    seats_left = serializers.IntegerField()
