"""The concerts of the demo: invented artists, in the words of a Korean house."""

from dataclasses import dataclass
from pathlib import Path

from reservations.models import Genre

POSTERS = Path(__file__).parent / "posters"


SEOUL = "Asia/Seoul"


@dataclass(frozen=True, slots=True)
class DemoHall:
    """Where concerts of the demo are played: invented halls at places that maps know."""

    name: str
    address: str
    map_url: str
    time_zone: str = SEOUL


ARTS_CENTRE = DemoHall(
    name="달빛아트센터 콘서트홀 · Moonlight Arts Centre, Concert Hall",
    address="서울특별시 서초구 남부순환로 2406 · 2406 Nambusunhwan-ro, Seocho-gu, Seoul",
    map_url="https://www.openstreetmap.org/?mlat=37.4786&mlon=127.0118#map=17/37.4786/127.0118",
)
RIVERSIDE = DemoHall(
    name="강변 야외무대 · Riverside Open-Air Stage",
    address="서울특별시 영등포구 여의동로 330 · 330 Yeouidong-ro, Yeongdeungpo-gu, Seoul",
    map_url="https://www.openstreetmap.org/?mlat=37.5284&mlon=126.9327#map=17/37.5284/126.9327",
)
DOME = DemoHall(
    name="하늘돔 · Haneul Dome",
    address="서울특별시 구로구 경인로 430 · 430 Gyeongin-ro, Guro-gu, Seoul",
    map_url="https://www.openstreetmap.org/?mlat=37.4982&mlon=126.8671#map=17/37.4982/126.8671",
)
CORNER = DemoHall(
    name="소극장 모퉁이 · Corner Theatre",
    address="서울특별시 종로구 대학로 104 · 104 Daehak-ro, Jongno-gu, Seoul",
    map_url="https://www.openstreetmap.org/?mlat=37.5812&mlon=127.0028#map=18/37.5812/127.0028",
)
WHEELCHAIRS = "휠체어석 문의와 예매는 전화로도 받습니다.\nWheelchair places can be booked by telephone as well."
NO_CAMERAS = "공연 중 사진과 영상 촬영은 금합니다.\nNo pictures or recordings during the concert."


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgrammeEntry:
    """What the programme says about a concert."""

    name: str
    host: str
    description: str
    poster: str
    hall: DemoHall
    genre: Genre
    minutes: int
    age: int
    cast: str
    notices: str
    organiser: str = "주식회사 프런트로 · Frontrow"
    contact: str = "02-0000-1234"
    seller: str = ""

    @property
    def drawing(self) -> bytes:
        return (POSTERS / self.poster).read_bytes()


UPCOMING = ProgrammeEntry(
    name="한강 재즈 나이트 · Han River Jazz Night",
    host="강변문화재단 Riverside Culture Foundation",
    description=(
        "해 질 녘 강바람과 함께하는 야외 재즈. 예매는 며칠 뒤에 열립니다.\n\n"
        "An evening of jazz by the river, from duo to big band. Booking opens in a few days."
    ),
    poster="han_river.svg",
    hall=RIVERSIDE,
    genre=Genre.JAZZ,
    minutes=120,
    age=0,
    cast="강변 재즈 오케스트라 Riverside Jazz Orchestra\n문보라 트리오 Bora Moon Trio",
    notices=(
        "비가 오면 우비를 나누어 드립니다. 우산은 펼 수 없습니다.\n"
        f"In rain we hand out ponchos; umbrellas stay closed.\n\n{WHEELCHAIRS}"
    ),
)
LOBBY = ProgrammeEntry(
    name="심야 라디오 공개방송 · Midnight Radio, Live",
    host="한밤라디오 Hanbam Radio",
    description=(
        "자정의 라디오가 무대에 오릅니다. 예매가 열릴 때 대기실에 있는 모두가 대기 번호를 추첨받습니다.\n\n"
        "The radio show of the small hours comes to the stage. Fans gather before booking opens, and their places in "
        "line are drawn by lot."
    ),
    poster="midnight_radio.svg",
    hall=CORNER,
    genre=Genre.TALK,
    minutes=100,
    age=15,
    cast="진행 한지우 Jiwoo Han\n초대 손님 밤의 산책 Night Walk",
    notices=f"방송이 시작되면 입장하실 수 없습니다.\nNobody is let in once we are on air.\n\n{NO_CAMERAS}",
)
ON_SALE = ProgrammeEntry(
    name="달빛 필하모닉: 말러 교향곡 5번 · Moonlight Philharmonic: Mahler 5",
    host="달빛 필하모닉 Moonlight Philharmonic",
    description=(
        "달빛 필하모닉의 시즌 개막 연주. 말러 교향곡 5번과 윤서하의 신작 「새벽」을 연주합니다.\n\n"
        "The opening night of the season: Mahler's Fifth, and the first performance of Seoha Yun's Daybreak."
    ),
    poster="mahler.svg",
    hall=ARTS_CENTRE,
    genre=Genre.CLASSICAL,
    minutes=110,
    age=8,
    cast="지휘 이도현 Dohyun Lee, conductor\n달빛 필하모닉 Moonlight Philharmonic",
    notices=(
        "인터미션 20분을 포함합니다. 늦게 오시면 악장 사이에 입장하실 수 있습니다.\n"
        f"There is an interval of 20 minutes. Latecomers are let in between movements.\n\n{NO_CAMERAS}\n\n{WHEELCHAIRS}"
    ),
)
IN_LINE = ProgrammeEntry(
    name="루미나 월드투어 서울 · LUMINA World Tour in Seoul",
    host="하늘엔터테인먼트 Haneul Entertainment",
    description=(
        "3년 만의 서울 공연. 대기 순서대로 세 분씩 입장합니다.\n\n"
        "Back in Seoul after three years. There is a line: fans are let in three at a time, in order."
    ),
    poster="lumina.svg",
    hall=DOME,
    genre=Genre.POP,
    minutes=150,
    age=7,
    cast="루미나 LUMINA",
    notices=(
        "예매자 본인 확인 후 입장합니다. 신분증을 가져와 주세요.\n"
        f"Bring a document with your name: it is checked at the door.\n\n{NO_CAMERAS}"
    ),
    seller=(
        "하늘엔터테인먼트 주식회사 (데모) Haneul Entertainment Inc.\n대표 오세린 Serin Oh\n"
        "서울특별시 마포구 월드컵북로 000\n사업자등록번호 000-00-00001\n통신판매업신고 제2026-서울마포-0000호\n"
        "02-0000-5678"
    ),
)
LINE_MESSAGE = "순서대로 세 분씩 입장합니다. Fans are let in three at a time, in order."
SOLD_OUT = ProgrammeEntry(
    name="작은 방의 어쿠스틱, 봄 · Acoustic in a Small Room, Spring",
    host="소극장 모퉁이 Corner Theatre",
    description=(
        "노래와 기타 한 대, 백육십 석의 봄밤. 전석 매진되었습니다.\n\n"
        "One voice and one guitar for 160 people on a night in spring. Sold out."
    ),
    poster="small_room.svg",
    hall=CORNER,
    genre=Genre.ROCK,
    minutes=90,
    age=12,
    cast="여름별 Summer Star",
    notices=f"지정석이며 등받이가 없는 좌석이 있습니다.\nSeats are numbered; some have no back.\n\n{NO_CAMERAS}",
)

ITEMS = (UPCOMING, LOBBY, ON_SALE, IN_LINE, SOLD_OUT)
