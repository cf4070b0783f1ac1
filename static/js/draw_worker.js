// Recomputes a draw from its public list, off the page: { list, queue, token, number } in; { done, of } while it
// counts, and { result } or { failure } in the end.

const NEWLINE = 10;
const A_TIME = 500;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function hexOf(bytes) {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function sha256(bytes) {
  return hexOf(await crypto.subtle.digest("SHA-256", bytes));
}

function bytesOf(hex) {
  if (!/^([0-9a-f]{2})+$/.test(hex)) throw new Error("the seed is not written in hex");
  return Uint8Array.from(hex.match(/../g), (pair) => Number.parseInt(pair, 16));
}

async function fetched(address) {
  const answer = await fetch(address, { credentials: "omit" });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer;
}

// The seed of the first line, and the bytes of all others.
async function readList(address) {
  const bytes = new Uint8Array(await (await fetched(address)).arrayBuffer());
  const end = bytes.indexOf(NEWLINE);
  const [name, seed] = decoder.decode(bytes.subarray(0, end)).split(",");
  if (name !== "seed" || !seed) throw new Error("the list does not begin with its seed");
  return { seed, rest: bytes.subarray(end + 1) };
}

// How many entries stand in the order that the seed makes; all of them, or up to the first that doesn't.
async function countInOrder(lines, seed) {
  let last = "";
  for (let start = 0; start < lines.length; start += A_TIME) {
    const entries = lines.slice(start, start + A_TIME);
    const ranks = await Promise.all(entries.map((line) => sha256(encoder.encode(`${seed}:${line.split(",")[1]}`))));
    for (const [nth, rank] of ranks.entries()) {
      if (rank <= last || entries[nth].split(",")[0] !== String(start + nth + 1)) return start + nth;
      last = rank;
    }
    self.postMessage({ done: start + entries.length, of: lines.length });
  }
  return lines.length;
}

async function check({ list, queue, token, number }) {
  const [{ draw }, { seed, rest }] = await Promise.all([fetched(queue).then((answer) => answer.json()), readList(list)]);
  const lines = decoder.decode(rest).split("\n").filter(Boolean);
  const seedHash = await sha256(bytesOf(seed));
  const listHash = await sha256(rest);
  const own = await sha256(encoder.encode(token));
  const inOrder = await countInOrder(lines, seed);
  const found = lines.find((line) => line.split(",")[1] === own);
  return {
    seedHash,
    seed: seedHash === draw.seed_hash && seed === draw.seed,
    list: listHash === draw.entries_hash && lines.length === draw.size,
    order: inOrder === lines.length,
    own: found !== undefined && Number(found.split(",")[0]) === number,
  };
}

self.addEventListener("message", async ({ data }) => {
  try {
    self.postMessage({ result: await check(data) });
  } catch (error) {
    self.postMessage({ failure: error.message });
  }
});
