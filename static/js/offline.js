// The page for when there is no network: the tickets that are kept on this device, and going on once it is back.

const TICKETS = "frontrow-tickets-1";
const list = document.getElementById("kept-tickets");

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
// A form that was sent is not sent again by itself: its address is read, which every one of ours answers.
window.addEventListener("online", () => window.location.replace(window.location.href));
