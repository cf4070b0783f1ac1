// The page for when there is no network: the tickets that are kept on this device, and going on once it is back.

const TICKETS = "frontrow-tickets-1";
const [FIRST_WAIT_MS, LONGEST_WAIT_MS] = [1000, 30_000];
const list = document.getElementById("kept-tickets");
let [isLeaving, isTrying] = [false, false];

async function keptPages() {
  const pages = [];
  if (!(await caches.has(TICKETS))) return pages;
  const tickets = await caches.open(TICKETS);
  for (const request of await tickets.keys()) {
    const response = await tickets.match(request);
    const [until] = (response.headers.get("X-Keep-Offline") ?? "").split(";");
    if (Number(until) * 1000 <= Date.now()) continue;
    const { title } = new DOMParser().parseFromString(await response.text(), "text/html");
    pages.push({ address: request.url, title });
  }
  return pages;
}

for (const { address, title } of await keptPages()) {
  const link = document.createElement("a");
  Object.assign(link, { href: address, textContent: title, className: "button quiet whole" });
  const entry = document.createElement("li");
  entry.append(link);
  list.append(entry);
}
document.getElementById("no-tickets").hidden = Boolean(list.children.length);

// A form that was sent is not sent again by itself: its address is read, which every one of ours answers. A phone says
// that it is online before anything gets through, and says it of networks that carry nothing: so the site is asked.
async function goOn() {
  if (isTrying) return;
  isTrying = true;
  for (let wait = FIRST_WAIT_MS; navigator.onLine; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
    const isThere = await fetch("/healthz", { cache: "no-store" }).then(() => true, () => false);
    // Who has just opened a ticket is not called back from it.
    if (isThere && !isLeaving) window.location.replace(window.location.href);
    // All who wait for one site don't ask it in one moment.
    await new Promise((resolve) => window.setTimeout(resolve, wait * (0.5 + Math.random())));
  }
  isTrying = false;
}

list.addEventListener("click", () => {
  isLeaving = true;
});
window.addEventListener("pageshow", () => {
  isLeaving = false;
});
window.addEventListener("online", goOn);
goOn();
