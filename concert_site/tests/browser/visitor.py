"""A person at a browser, who notices what is wrong with any page that they come to."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, field

from playwright.sync_api import Browser, BrowserContext, Page, Response, expect

# Debian's; Playwright would bring one of its own from the network. The one without windows needs a third of the time.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PHONE, DESKTOP, NARROWEST = (390, 844), (1280, 900), (320, 640)
PATIENCE_MS = 60_000
# Playwright's own are five seconds, too few for a machine with other things to do.
expect.set_options(timeout=PATIENCE_MS)
PASSWORD = "front-row-2026"
# What everybody who reads a page, with eyes or without, may expect of it.
FAULTS = """() => {
  const faults = [];
  const isShown = (each) => each.getClientRects().length > 0 && getComputedStyle(each).visibility !== "hidden";
  const name = (each) => each.outerHTML.slice(0, 120);
  const headings = document.querySelectorAll("h1").length;
  if (headings !== 1) faults.push(`${headings} h1`);
  if (!document.title.trim()) faults.push("no title");
  if (!document.documentElement.lang) faults.push("no language");
  for (const each of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    const said = each.labels.length || each.ariaLabel || each.getAttribute("aria-labelledby") || each.type === "submit";
    if (isShown(each) && !said) faults.push(`no label: ${name(each)}`);
  }
  for (const each of document.querySelectorAll("a[href], button")) {
    const picture = each.querySelector("img[alt]:not([alt=''])");
    const said = each.textContent.trim() || each.ariaLabel || each.title || picture;
    if (isShown(each) && !said) faults.push(`no name: ${name(each)}`);
  }
  for (const each of document.images) if (!each.hasAttribute("alt")) faults.push(`no alt: ${name(each)}`);
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  for (const id of new Set(ids)) if (ids.filter((each) => each === id).length > 1) faults.push(`twice: #${id}`);
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) {
    const out = [...document.body.querySelectorAll("*")].filter((each) =>
      each.getBoundingClientRect().right > document.documentElement.clientWidth + 1);
    faults.push(`${wide} px too wide: ${out.slice(0, 3).map(name).join(" | ")}`);
  }
  return faults;
}"""


@dataclass
class Visitor:
    """One browser window with cookies of its own."""

    page: Page
    address: str
    has_scripts: bool
    # What went wrong, on whichever page; empty at the end of a test.
    complaints: list[str] = field(default_factory=list)
    # Statuses that this test provokes; the browser's console complains of them, too.
    foreseen: set[int] = field(default_factory=set)

    @classmethod
    def arrive(cls, browser: Browser, address: str, size: tuple[int, int], **options: object) -> Visitor:
        """Open a window."""
        width, height = size
        context: BrowserContext = browser.new_context(
            viewport={"width": width, "height": height}, **{"locale": "en-US"} | options
        )
        context.set_default_timeout(PATIENCE_MS)
        visitor = cls(context.new_page(), address, bool(options.get("java_script_enabled", True)))
        visitor.watch()
        return visitor

    def watch(self) -> None:
        """Note what the browser complains of: broken scripts, what the policy refused, what is missing."""
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("console", lambda said: self.hear(said.type, said.text))
        self.page.on("response", self.judge)

    def hear(self, kind: str, text: str) -> None:
        """Note an error on the console, but not the statuses, which `judge` knows better."""
        if kind == "error" and "the server responded with a status of" not in text:
            self.complaints.append(f"console: {text}")

    def judge(self, response: Response) -> None:
        """Note an answer that is a refusal nobody foresaw."""
        if response.status >= 400 and response.status not in self.foreseen:
            self.complaints.append(f"{response.status}: {response.url}")

    # --- What they do --------------------------------------------------------------------------

    def go(self, path: str) -> None:
        """Open an address of the site."""
        self.page.goto(f"{self.address}{path}")

    def click(self, name: str, role: str = "button") -> None:
        """Press what is called so, and leads to another page."""
        with self.page.expect_navigation(wait_until="domcontentloaded"):
            self.page.get_by_role(role, name=name, exact=True).first.click()

    def log_in(self, email: str, password: str = PASSWORD) -> None:
        """Log in by the form."""
        self.go("accounts/login/")
        # By their names rather than their labels, which are in the language of the browser.
        self.page.locator("[name=login]").fill(email)
        self.page.locator("[name=password]").fill(password)
        self.page.locator("[name=password]").press("Enter")
        expect(self.page.locator("header a[href='/bookings/']")).to_be_visible()

    def be(self, email: str, password: str = PASSWORD) -> None:
        """Be logged in, as somebody who was here before: the form is sent, and no page is drawn."""
        address = f"{self.address}accounts/login/"
        page = self.page.request.get(address).text()
        (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.partition("</main>")[0])[-1:]
        form = {"csrfmiddlewaretoken": token, "login": email, "password": password}
        answer = self.page.request.post(address, form=form, headers={"Referer": address}, max_redirects=0)
        assert answer.status == 302, answer.status

    # --- What they see -------------------------------------------------------------------------

    def sees(self, text: str) -> None:
        """Insist that this is on the page, soon."""
        expect(self.page.get_by_text(text).first).to_be_visible(timeout=PATIENCE_MS)

    def is_at(self, path: str) -> bool:
        """Whether the page's address begins so."""
        return self.page.url.removeprefix(self.address).startswith(path)

    def faults(self) -> list[str]:
        """What is wrong with the page as it stands."""
        self.page.wait_for_load_state()
        found: list[str] = self.page.evaluate(FAULTS)
        return [f"{self.page.url}: {fault}" for fault in found]

    def is_content(self) -> None:
        """Insist that nothing was wrong with any page, and nothing is with this one."""
        wrong = [*self.complaints, *self.faults()]
        assert not wrong, "\n".join(wrong)
