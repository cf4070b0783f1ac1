"""The demo's house: an invented company, with the pages that a Korean house has."""

from pathlib import Path

from concert_site.house.models import HouseFacts, HousePage, PageKind

PAGES = Path(__file__).parent / "pages"

FACTS = [
    {
        "language": "ko",
        "name": "주식회사 프런트로 (데모)",
        "representative": "박서윤",
        "address": "서울특별시 중구 세종대로 110, 7층 (04524)",
        "phone": "02-0000-1234",
        "email": "help@frontrow.example",
        "registration_number": "000-00-00000",
        "mail_order_number": "제2026-서울중구-0000호",
        "hosting_provider": "주식회사 프런트로",
    },
    {
        "language": "en",
        "name": "Frontrow Co., Ltd. (demo)",
        "representative": "Seoyun Park",
        "address": "7F, 110 Sejong-daero, Jung-gu, Seoul 04524, Republic of Korea",
        "phone": "+82 2-0000-1234",
        "email": "help@frontrow.example",
        "registration_number": "000-00-00000",
        "mail_order_number": "2026-Seoul Jung-gu-0000",
        "hosting_provider": "Frontrow Co., Ltd.",
    },
]
TITLES = {
    PageKind.HELP: {"ko": "고객센터", "en": "Help"},
    PageKind.TERMS: {"ko": "이용약관", "en": "Terms of use"},
    PageKind.PRIVACY: {"ko": "개인정보 처리방침", "en": "Privacy"},
    PageKind.REFUNDS: {"ko": "취소·환불 규정", "en": "Refund policy"},
}


def load_house() -> None:
    """Write the facts and the pages, each in both languages; what is in pages/ is their text."""
    HouseFacts.objects.bulk_create(HouseFacts(**facts) for facts in FACTS)
    HousePage.objects.bulk_create(
        HousePage(kind=kind, language=language, title=title, body=text_of(kind, language))
        for kind, titles in TITLES.items()
        for language, title in titles.items()
    )


def text_of(kind: PageKind, language: str) -> str:
    return (PAGES / f"{kind.lower()}.{language}.md").read_text(encoding="utf-8")
