"""The concerts of the demo: invented artists, in the words of a Korean house."""

from dataclasses import dataclass
from pathlib import Path

POSTERS = Path(__file__).parent / "posters"


@dataclass(frozen=True, slots=True)
class Item:
    """What the programme says about a concert."""

    name: str
    host: str
    description: str
    poster: str

    @property
    def drawing(self) -> bytes:
        return (POSTERS / self.poster).read_bytes()


UPCOMING = Item(
    name="한강 재즈 나이트 · Han River Jazz Night",
    host="강변문화재단 Riverside Culture Foundation",
    description=(
        "해 질 녘 강바람과 함께하는 야외 재즈. 예매는 며칠 뒤에 열립니다.\n\n"
        "An evening of jazz by the river, from duo to big band. Booking opens in a few days."
    ),
    poster="han_river.svg",
)
LOBBY = Item(
    name="심야 라디오 공개방송 · Midnight Radio, Live",
    host="한밤라디오 Hanbam Radio",
    description=(
        "자정의 라디오가 무대에 오릅니다. 예매가 열릴 때 대기실에 있는 모두가 대기 번호를 추첨받습니다.\n\n"
        "The radio show of the small hours comes to the stage. Fans gather before booking opens, and their places in "
        "line are drawn by lot."
    ),
    poster="midnight_radio.svg",
)
ON_SALE = Item(
    name="달빛 필하모닉: 말러 교향곡 5번 · Moonlight Philharmonic: Mahler 5",
    host="달빛 필하모닉 Moonlight Philharmonic",
    description=(
        "달빛 필하모닉의 시즌 개막 연주. 말러 교향곡 5번과 윤서하의 신작 「새벽」을 연주합니다.\n\n"
        "The opening night of the season: Mahler's Fifth, and the first performance of Seoha Yun's Daybreak."
    ),
    poster="mahler.svg",
)
IN_LINE = Item(
    name="루미나 월드투어 서울 · LUMINA World Tour in Seoul",
    host="하늘엔터테인먼트 Haneul Entertainment",
    description=(
        "3년 만의 서울 공연. 대기 순서대로 세 분씩 입장합니다.\n\n"
        "Back in Seoul after three years. There is a line: fans are let in three at a time, in order."
    ),
    poster="lumina.svg",
)
LINE_MESSAGE = "순서대로 세 분씩 입장합니다. Fans are let in three at a time, in order."
SOLD_OUT = Item(
    name="작은 방의 어쿠스틱, 봄 · Acoustic in a Small Room, Spring",
    host="소극장 모퉁이 Corner Theatre",
    description=(
        "노래와 기타 한 대, 백육십 석의 봄밤. 전석 매진되었습니다.\n\n"
        "One voice and one guitar for 160 people on a night in spring. Sold out."
    ),
    poster="small_room.svg",
)

ITEMS = (UPCOMING, LOBBY, ON_SALE, IN_LINE, SOLD_OUT)
