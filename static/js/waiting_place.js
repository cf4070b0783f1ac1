// A fan's place on the page (#line): its numbers filled in, or the whole of it exchanged.

import { startCountdowns } from "./countdown.js";
import { showLocalTimes } from "./local_times.js";
import { factsOf } from "./waiting_progress.js";

const news = document.getElementById("news");
const digits = new Intl.NumberFormat(document.documentElement.lang);

export function line() {
  return document.getElementById("line");
}

let facts = factsOf(line());
let told = toldBy(line());

// What the server said of the place as it is shown; null where there is nothing to wait for.
export function shown() {
  return facts;
}

function textOf(element) {
  return element?.textContent.trim().replace(/\s+/g, " ") ?? "";
}

function toldBy(place) {
  // What the main sentence says as well isn't said twice.
  const notices = [...place.querySelectorAll(".notice:not(.told)")].map(textOf);
  return { main: textOf(place.querySelector(".line-news") ?? place.querySelector("h1")), notices };
}

// Only what matters is said aloud: the number is rounded, and silence means that nothing has changed.
function tell() {
  const now = toldBy(line());
  const fresh = now.notices.filter((text) => !told.notices.includes(text));
  const main = now.main === told.main ? [] : [now.main];
  told = now;
  if (main.length || fresh.length) say([...main, ...fresh].join(" "));
}

export function say(text) {
  news.textContent = text;
}

// The numbers in place, without asking for the page that they stand on.
export function fillIn(numbers) {
  // The number within the heading has no name of its own: translators see that markup.
  for (const element of line().querySelectorAll("[data-live], .line-number")) {
    const { live = "ahead", text: words = "{n}", least = 0 } = element.dataset;
    const number = numbers[live];
    if (number === null || number === undefined) continue;
    const text = words.replace("{n}", digits.format(Math.max(number, Number(least))));
    // What stays the same isn't touched, so that a selection stays as well.
    if (textOf(element) !== text) element.textContent = text;
  }
  const { title } = line().dataset;
  if (title && numbers.ahead !== undefined) document.title = title.replace("{n}", digits.format(numbers.ahead));
  tell();
}

// The place as the server has drawn it anew. Focus and what is unfolded stay as they are.
export function exchange(html) {
  const answer = new DOMParser().parseFromString(html, "text/html");
  const fresh = answer.getElementById("line");
  if (!fresh) throw new Error("the answer has no place in it");
  showLocalTimes(fresh);
  const old = line();
  for (const { id } of old.querySelectorAll("details[open]")) answer.getElementById(id)?.setAttribute("open", "");
  replace(old, () => old.replaceWith(document.importNode(fresh, true)));
  document.title = answer.title;
  facts = factsOf(line());
  tell();
}

// The lobby brings along what is shown once numbers are drawn. False where there is no such thing.
export function showDrawing() {
  const template = line().querySelector("template");
  if (!template) return false;
  replace(line(), () => line().replaceChildren(...document.importNode(template.content, true).children));
  document.title = template.dataset.title;
  facts = { ...facts, same: { ...facts.same, state: "DRAWING" }, pollAfter: Number(template.dataset.pollAfter) };
  tell();
  return true;
}

function replace(old, act) {
  const { activeElement } = document;
  const hadFocus = old.contains(activeElement);
  act();
  if (hadFocus) (document.getElementById(activeElement.id) ?? line()).focus({ preventScroll: true });
  startCountdowns(line());
  showCopyButton();
}

function showCopyButton() {
  const copy = document.getElementById("copy");
  if (copy && navigator.clipboard) copy.hidden = false;
}

export function startCopying() {
  showCopyButton();
  document.addEventListener("click", async ({ target }) => {
    if (target.id !== "copy") return;
    const source = document.getElementById(target.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch (error) {
      console.info("The browser refuses to copy, so it is only selected:", error.message);
      window.getSelection().selectAllChildren(source);
      return;
    }
    target.textContent = target.dataset.copied;
    say(target.dataset.copied);
  });
}
