"""Korean is complete: what the code says today is what has been translated, and what was compiled."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.urls import reverse

from concert_site.accounts.tests.factories import make_staff
from reservations.tests.factories import make_concert

pytestmark = pytest.mark.processes

MESSAGES = Path("locale/ko/LC_MESSAGES")
PLACES = ["concert_site", "payments", "queueing", "reservations", "wallet", "templates", "locale"]


def catalog_of(path):
    with path.open("rb") as file:
        return (read_mo if path.suffix == ".mo" else read_po)(file)


@pytest.fixture(scope="module")
def extracted(tmp_path_factory):
    """The catalogue as it would be if the messages were collected now: from a copy, so that nothing here changes."""
    if shutil.which("xgettext") is None:
        assert not os.environ.get("CI"), "CI installs gettext"
        pytest.skip("gettext is not installed")
    copy = tmp_path_factory.mktemp("sources")
    without = shutil.ignore_patterns("tests", "__pycache__", "*.pyc", "*.mo")
    for name in PLACES:
        shutil.copytree(settings.BASE_DIR / name, copy / name, ignore=without)
    shutil.copy(settings.BASE_DIR / "manage.py", copy)
    collect = [sys.executable, "manage.py", "makemessages", "--locale", "ko", "--verbosity", "0"]
    subprocess.run(collect, cwd=copy, check=True, capture_output=True, text=True)
    return catalog_of(copy / MESSAGES / "django.po")


def told(text):
    """A message or its translation, alone or in the forms of its plural, as a tuple."""
    return (text,) if isinstance(text, str) else tuple(text)


def texts_of(catalog):
    """The translations of each message, by its text and context."""
    return {(told(each.id), context_of(each)): told(each.string) for each in catalog if each.id}


def context_of(message):
    """What tells two messages of one text apart; Babel hands it on as bytes where it was compiled."""
    return message.context.decode() if isinstance(message.context, bytes) else message.context


def wanting(catalog):
    """The messages that have no Korean, or one that somebody has to look at again."""
    unsure = [told(message.id) for message in catalog if message.id and message.fuzzy]
    return unsure + [said for (said, _), translated in texts_of(catalog).items() if not all(translated)]


def test_every_message_has_its_korean(extracted):
    assert wanting(extracted) == []


def test_nothing_is_translated_that_nobody_says(extracted):
    written = catalog_of(settings.BASE_DIR / MESSAGES / "django.po")

    assert texts_of(written).keys() == texts_of(extracted).keys()
    assert not written.obsolete


def test_what_was_compiled_is_what_was_written():
    written = catalog_of(settings.BASE_DIR / MESSAGES / "django.po")
    compiled = catalog_of(settings.BASE_DIR / MESSAGES / "django.mo")

    assert texts_of(written) == texts_of(compiled)
    # No placeholder is lost or misspelled.
    assert not [message.id for message in written if list(message.check())]


# --- Written, not translated -------------------------------------------------------------------

# What docs/glossary.md has in its column "not", and what gives a translation away.
UNSAID = {
    "선점": "결제 대기",
    "지갑": "예치금",
    "반납": "선택 취소",
    "원장": "거래 내역",
    "매표소": "고객센터",
    "오브젝트": "대상, 항목",
    "액션": "작업",
    "고르|고른|골라|골랐": "선택",
    "포기": "취소",
    "닫힌 계정": "이용이 정지된 계정",
    "계정 만들기": "회원가입",
    r"예매[는가] ([^.]*에 )?열립니다": "예매가 시작됩니다",
    r"줄을 서|줄을 선": "대기",
    r"자리는 그대로|순서는 그대로": "대기 순번은 유지됩니다",
    r"(?<!요)팬(?=[ 이은을의에]|$)": "관객",
    r"\)[sd]장|\}장": "매",
    r"좌석 %\(\w+\)[sd]개": "석",
    r"₩": "원",
    r"오[전후] ?\d|\d ?오[전후]": "19:30",
    r"[을은이와과]\([를는가와과]\)|[을은이와]/[를는가과]": "a sentence without that particle",
    r"당신|귀하|그녀": "nobody, or 회원님",
    r"해주|알려주세|보내주세": "해 주세요, two words",
    r"돼요|예요|했어|할게|거든요|네요": "합니다",
    r"(?<!QR )(?<!복구 )코드를 (보|받|입)": "인증번호",
    r"하십시요|되요(?!청)|되어지": "how it is spelled",
}
# English that grew in translation: old-fashioned, or said by a machine.
ODD = [
    r"may not do this", r"came and went", r"\brow Row\b", r"\bstand(s)? still\b", r"\bis void\b",
    r"as many seats as", r"Give (it|this|these|the)\b.* back", r"[Gg]ave .* back", r"stand in line", r"nobody does",
    r"against machines", r"Have a(nother)? (code|one)", r"[Aa]nything stuck", r"[Mm]ake an account", r"\bis away\b",
    r"on their way", r"by lot\b.*\blot\b", r"doesn.t answer", r"Nothing is lost: it",
]  # fmt: skip


def korean_of(catalog):
    return [(each.id, text) for each in catalog if each.id for text in told(each.string)]


@pytest.fixture(scope="module")
def written():
    return catalog_of(settings.BASE_DIR / MESSAGES / "django.po")


@pytest.mark.parametrize("pattern", UNSAID)
def test_korean_has_the_words_of_a_booking_page(written, pattern):
    found = [text for _, text in korean_of(written) if re.search(pattern, text)]

    assert found == [], f"better: {UNSAID[pattern]}"


@pytest.mark.parametrize("pattern", ODD)
def test_english_has_the_words_that_fans_use(written, pattern):
    ours = [text for each in written if each.id for text in told(each.id)]

    assert [text for text in ours if re.search(pattern, text)] == []


def test_korean_keeps_to_one_register(written):
    """A notice says 합니다, and neither a manual's 한다 nor a chat's 해요."""
    assert [
        text for _, text in korean_of(written) if re.search(r"(한다|했다|된다|있다|없다|이다|해요|어요|아요)\.$", text)
    ] == []


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["add", "change", "delete", "history", "changelist"])
def test_the_admin_speaks_korean_that_somebody_wrote(client, page):
    """Django's own Korean has 액션, 오브젝트 and 을/를, and Unfold's pages have none: ours comes before theirs."""
    client.force_login(make_staff(locale="ko"))
    concert = make_concert()
    wanted = [] if page in ("add", "changelist") else [concert.pk]

    response = client.get(reverse(f"admin:reservations_concert_{page}", args=wanted))

    body = re.sub(r"<script.*?</script>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    theirs = "액션|오브젝트|독자|저장 및|삭제 공연|히스토리|확신합니다|Apply|Reset|Search apps|Type to"
    bad = theirs + r"|[을은이]/[를는가]|\d ?오[전후]"
    assert re.findall(bad, body) == []
    if page in ("add", "change"):
        assert "저장하고 하나 더 추가" in body
