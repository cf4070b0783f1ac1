// A fan's way through the API with a client that openapi-typescript made of its description. The types are half of the
// test: a code, a field or an address that isn't described does not compile.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

declare const process: { argv: string[] };
const [base, schedule, ...seats] = process.argv.slice(2);
const show = Number(schedule);
const [first, second] = seats.map(Number);
const seen: Record<string, unknown> = {};
type Refusal = { errors: { code: string; attr: string | null }[] };

function demand<T>(value: T | undefined | null, what: string, error?: unknown): T {
    if (value === undefined || value === null) throw new Error(`${what}: ${JSON.stringify(error)}`);
    return value;
}

/** The first error of a refusal; `code` must be one that the operation is described to answer. */
function refused<E>(
    what: string,
    answer: { error?: E; response: Response },
    status: number,
    code: Extract<E, Refusal>["errors"][number]["code"],
): Extract<E, Refusal>["errors"][number] {
    const error = demand(answer.error, what) as Extract<E, Refusal>;
    const item = demand(error.errors[0], what);
    if (answer.response.status !== status || item.code !== code) {
        throw new Error(`${what}: ${answer.response.status} ${JSON.stringify(error)}`);
    }
    seen[`${status} ${code}`] = item.attr;
    return item;
}

const nobody = createClient<paths>({ baseUrl: base });
// The control: were any code taken, this would compile, and the comment above it would be the error.
// @ts-expect-error
const notDescribed = async () => refused("no such code", await nobody.GET("/api/v1/wallet/"), 401, "hold_is_gone");

async function signUp(email: string) {
    const body = { email, password: "a seat in the front row" };
    const signed = await nobody.POST("/_allauth/app/v1/auth/signup", { body });
    demand(signed.data, "sign up", signed.error);
    const login = await nobody.POST("/_allauth/app/v1/auth/login", { body });
    const token = demand(login.data?.meta.access_token, "log in", login.error);
    return createClient<paths>({ baseUrl: base, headers: { Authorization: `Bearer ${token}` } });
}

async function inside(client: typeof nobody): Promise<string> {
    const joined = await client.POST("/api/v1/schedules/{id}/queue-tokens/", { params: { path: { id: show } } });
    const place: components["schemas"]["JoinOut"] = demand(joined.data, "join", joined.error);
    const entered = await client.POST("/api/v1/queue-tokens/{token}/enter/", { params: { path: { token: place.token } } });
    if (demand(entered.data, "enter", entered.error).status !== "ACTIVE") throw new Error("not inside");
    return place.token;
}

const stamp = `${Date.now()}`;
const fan = await signUp(`ts-fan-${stamp}@example.com`);
const other = await signUp(`ts-other-${stamp}@example.com`);

refused("wallet of nobody", await nobody.GET("/api/v1/wallet/"), 401, "not_authenticated");
refused("hold outside", await fan.POST("/api/v1/reservations/", { body: { schedule: show, seats: [first] } }), 403, "queue_token_required");
refused("no such booking", await fan.GET("/api/v1/reservations/{id}/", { params: { path: { id: 999999999 } } }), 404, "not_found");

const header = { "X-Queue-Token": await inside(fan) };
const hold = await fan.POST("/api/v1/reservations/", { params: { header }, body: { schedule: show, seats: [first, second] } });
const booking = demand(hold.data, "hold", hold.error);
const ids = booking.reservations.map((each) => each.id);

const theirs = { "X-Queue-Token": await inside(other) };
refused("no seat", await other.POST("/api/v1/reservations/", { params: { header: theirs }, body: { schedule: show, seats: [] } }), 400, "min_length");
refused("taken", await other.POST("/api/v1/reservations/", { params: { header: theirs }, body: { schedule: show, seats: [second] } }), 409, "seat_unavailable");
refused("no money", await fan.POST("/api/v1/payments/", { body: { reservations: ids } }), 402, "insufficient_balance");

const key = { "Idempotency-Key": `ts-${stamp}` };
const charge = await fan.POST("/api/v1/wallet/charges/", { params: { header: key }, body: { amount: booking.total } });
demand(charge.data, "top up", charge.error);
const paid = await fan.POST("/api/v1/payments/", { body: { reservations: ids } });
const receipt = demand(paid.data, "pay", paid.error);
if (!("payments" in receipt)) throw new Error("not paid at once");
if (receipt.payments.some((each) => each.state !== "COMPLETED")) throw new Error("not paid");

const ticket = await fan.GET("/api/v1/reservations/{id}/ticket/", { params: { path: { id: ids[0] } }, parseAs: "text" });
if (!demand(ticket.data, "ticket", ticket.error).includes("<svg")) throw new Error("no ticket");
const canceled = await fan.POST("/api/v1/reservations/{id}/cancel/", { params: { path: { id: ids[0] } } });
const given = demand(canceled.data, "cancel", canceled.error);
if (given.reservation.status !== "CANCELED") throw new Error("not canceled");

let throttled;
for (let nth = 0; nth < 40 && throttled?.response.status !== 429; nth += 1) {
    throttled = await fan.POST("/api/v1/wallet/charges/", { params: { header: key }, body: { amount: booking.total } });
}
refused("too often", demand(throttled, "top up"), 429, "throttled");
console.log(JSON.stringify(seen));
