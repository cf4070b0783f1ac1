// Tickets without a network. Served as /service-worker.js (concert_site/views/offline.py), which puts before this file
// what it can't know: VERSION, and SHELL_FILES, the pages and files that say that there is no network.
//
// It keeps what the server marks with X-Keep-Offline and nothing else: the pages of the fan's own tickets, with the
// styles and scripts in them. It keeps them for one account, until the concert is over, and forgets them with the login.
// Whatever the network answers comes first; docs/security.md says what that means for whom.

const SHELL = `frontrow-shell-${VERSION}`;
// Raised when what is kept has another shape.
const TICKETS = "frontrow-tickets-1";
const KEEP = "X-Keep-Offline";
const [OFFLINE, OFFLINE_SENT] = SHELL_FILES;
const TICKET_PATH = /^\/(bookings\/[^/]+\/tickets|reservations\/\d+\/ticket)\/$/;
const IDENTITY_PATH = /^\/accounts\/(.+\/)?(login|logout|signup)\//;
const STATIC = "/static/";
// A ticket that is kept doesn't wait longer for a network that is there and carries nothing.
const PATIENCE_MS = 4000;
const SERVER_ERRORS = 500;
// What answers vary by is what the browser sends by itself, and is the same for a device.
const ANY = { ignoreVary: true };

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((shell) => shell.addAll(SHELL_FILES)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(forgetOldVersions().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.mode === "navigate") event.respondWith(navigate(request, pathname));
  else if (origin === self.location.origin && request.method === "GET" && pathname.startsWith(STATIC)) {
    event.respondWith(fetch(request).catch(() => caches.match(request, ANY).then((kept) => kept ?? Response.error())));
  }
});

// A page asks for its tickets to be kept, and is told whether they are.
self.addEventListener("message", (event) => {
  const { keep } = event.data ?? {};
  if (!keep) return;
  event.waitUntil(
    keepTickets(new URL(keep, self.location.origin).href).then(
      (isKept) => event.ports[0]?.postMessage(isKept),
      () => event.ports[0]?.postMessage(false),
    ),
  );
});

async function forgetOldVersions() {
  for (const name of await caches.keys()) {
    if (name.startsWith("frontrow-") && name !== SHELL && name !== TICKETS) await caches.delete(name);
  }
}

// --- Pages -----------------------------------------------------------------------------------------------------

async function navigate(request, pathname) {
  const kept = request.method === "GET" && TICKET_PATH.test(pathname) ? await keptTickets(request.url) : null;
  try {
    const answer = await (kept ? within(PATIENCE_MS, fetch(request)) : fetch(request));
    if (kept && answer.status >= SERVER_ERRORS) return kept;
    if (kept && !answer.ok) await deleteTicket(request.url);
    if (endsSession(request, pathname, answer)) await caches.delete(TICKETS);
    return answer;
  } catch {
    return kept ?? caches.match(request.method === "GET" ? OFFLINE : OFFLINE_SENT, ANY);
  }
}

function within(ms, promise) {
  return Promise.race([promise, new Promise((_resolve, reject) => setTimeout(() => reject(new Error("slow")), ms))]);
}

// Whoever is asked to log in has no session any more, and whoever logs in may be somebody else.
function endsSession(request, pathname, answer) {
  if (!IDENTITY_PATH.test(pathname)) return false;
  const isQuestion = request.method === "GET" && pathname.endsWith("/logout/");
  return !isQuestion && (request.method === "POST" || answer.ok || pathname.includes("/callback/"));
}

// --- Tickets ---------------------------------------------------------------------------------------------------

function termsOf(response) {
  const [until, owner] = (response.headers.get(KEEP) ?? "").split(";");
  return { until: Number(until) * 1000, owner };
}

async function keptTickets(url) {
  const kept = await (await caches.open(TICKETS)).match(url, ANY);
  if (!kept) return null;
  if (termsOf(kept).until > Date.now()) return kept;
  await deleteTicket(url);
  return null;
}

async function deleteTicket(url) {
  await (await caches.open(TICKETS)).delete(url);
}

async function keepTickets(url) {
  const page = await fetch(url, { headers: { "X-Part": "offline" }, cache: "no-store" });
  const { until, owner } = termsOf(page);
  if (!page.ok || page.redirected || !owner || !(until > Date.now())) {
    await deleteTicket(url);
    return false;
  }
  await deleteOthers(owner);
  const tickets = await caches.open(TICKETS);
  const files = [...(await page.clone().text()).matchAll(/(?:href|src)="(\/static\/[^"]+)"/g)].map(([, file]) => file);
  await Promise.all([...new Set(files)].map(async (file) => (await tickets.match(file, ANY)) ?? tickets.add(file)));
  await tickets.put(url, page);
  return true;
}

// Another account's, should its fan never have logged out here; and what is over.
async function deleteOthers(owner) {
  const tickets = await caches.open(TICKETS);
  for (const request of await tickets.keys()) {
    if (new URL(request.url).pathname.startsWith(STATIC)) continue;
    const terms = termsOf(await tickets.match(request, ANY));
    if (terms.owner !== owner || terms.until <= Date.now()) await tickets.delete(request);
  }
}
